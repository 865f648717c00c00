package template

import (
	"testing"
)

// The answers of Airflow's macros, of PyYAML and of Babel.
func TestMacros(t *testing.T) {
	t.Parallel()
	c, a := full(&world{})
	compare(t, c, a, [][2]string{
		{"{{ macros.ds_add(ds, -59) }} {{ macros.ds_add('x', 0) }}", "2024-01-01 x"},
		{"{{ macros.ds_add('x', 1) }}", "!! ValueError: time data 'x' does not match format '%Y-%m-%d'"},
		{"{{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.%y') }}", "29.02.24"},
		{"{{ macros.datetime_diff_for_humans(logical_date, data_interval_end) }}", "1 day before"},
		{"{{ macros.datetime_diff_for_humans(logical_date) }}", "1 day ago"},
		{"{{ macros.datetime_diff_for_humans(ds) }}", "!! instance() only accepts datetime objects"},
		{"{{ macros.datetime(2024, 1, 2) }} {{ macros.timedelta(hours=36) }}", "2024-01-02 00:00:00 1 day, 12:00:00"},
		{"{{ macros.dateutil.parser.parse('Jan 5 2023') }} {{ macros.dateutil.tz.tzoffset('X', 60) }}", "2023-01-05 00:00:00 tzoffset('X', 60)"},
		{"{{ macros.dateutil.parser.parse('x', fuzzy=true) }}", "!! fuzzy is not supported in templates"},
		{"{{ logical_date + macros.dateutil.relativedelta.relativedelta(day=31, months=1) }}", "2024-03-31 00:00:00+00:00"},
		{"{{ macros.dateutil.rrule }}", "!! macros.dateutil.rrule is not supported in templates"},
		{"{{ macros.dateutil.nope }}", "!! UndefinedError"},
		{"{{ macros.time.strftime('%d %b', macros.time.gmtime(0)) }} {{ macros.time.time() }}", "01 Jan 1709251200.0"},
		{"{{ macros.time.sleep(1) }}", "!! macros.time.sleep is not supported in templates"},
		{"{{ macros.random() < 1 }} {{ macros.uuid.uuid4() }}", "True ffffffff-ffff-4fff-bfff-ffffffffffff"},
		{"{{ macros.uuid.uuid3(macros.uuid.NAMESPACE_URL, 'x').version }} {{ macros.uuid.uuid1() }}", "!! macros.uuid.uuid1 is not supported"},
		{"{{ macros.uuid.uuid5(macros.uuid.NAMESPACE_DNS, 'example.com') }}", "cfbff0d1-9375-5685-968c-48ce8b15ae17"},
		{"{{ (macros.uuid.uuid4() | string) | length }} {{ macros.uuid.uuid4() is string }}", "36 False"},
		{"{{ macros.uuid.UUID('x') }}", "!! badly formed hexadecimal UUID string"},
		{`{{ macros.json.dumps({'b': 1.5, 'a': [none, 'é']}, sort_keys=true, indent=1) }}`, "{\n \"a\": [\n  null,\n  \"\\u00e9\"\n ],\n \"b\": 1.5\n}"},
		{`{{ macros.json.dumps({'a': [1]}, separators=(',', ':')) }} {{ macros.json.loads('[1e3, {"a": null}]') }}`, `{"a":[1]} [1000.0, {'a': None}]`},
		{"{{ macros.json.dumps(dag) }}", "!! TypeError: Object of type DAG is not JSON serializable"},
		{"{{ macros.json.load }}", "!! macros.json.load is not supported"},
	})
}

func TestYAML(t *testing.T) {
	t.Parallel()
	c, a := full(&world{})
	compare(t, c, a, [][2]string{
		{
			"{{ macros.yaml.dump({'b': {'x': [1, {'y': none, 'z': true}], 'e': []}, 'a': 'yes', 'c': 'it is', 'd': 'a: b', 'f': '1.5', 'g': 1e20, 'h': ''}) }}",
			"a: 'yes'\nb:\n  e: []\n  x:\n  - 1\n  - y: null\n    z: true\nc: it is\nd: 'a: b'\nf: '1.5'\ng: 1.0e+20\nh: ''\n",
		},
		{"{{ macros.yaml.dump([[1, 'x'], {}]) }}", "- - 1\n  - x\n- {}\n"},
		{"{{ macros.yaml.dump({'b': 1, 'a': 2}, sort_keys=false) }}", "b: 1\na: 2\n"},
		{"{{ macros.yaml.dump(5) }}{{ macros.yaml.dump('5') }}", "5\n...\n'5'\n"},
		{"{{ macros.yaml.safe_load('a: [1, x, yes, 0x1f, 017, -1.5, ~]\\nb:\\n- c: \"q\"\\n- .inf') }}", "{'a': [1, 'x', True, 31, 15, -1.5, None], 'b': [{'c': 'q'}, inf]}"},
		{"{{ macros.yaml.safe_load('') }} {{ macros.yaml.safe_load('x') }}", "None x"},
		{"{{ macros.yaml.safe_load('a: 2024-01-01') }}", "!! the value 2024-01-01 is not supported"},
		{"{{ macros.yaml.safe_load('a: &x 1') }}", "!! anchors"},
		{"{{ macros.yaml.safe_load('a: [') }}", "!! ScannerError"},
		{"{{ macros.yaml.safe_load('[' * 5000) }}", "!! nesting deeper than"},
		{"{{ macros.yaml.dump('é') }}", "!! characters beyond ASCII is not supported"},
		{"{{ macros.yaml.dump('word ' * 30) }}", "!! its line is broken"},
		{"{{ macros.yaml.dump((1, 2)) }}", "!! dump of an object of class tuple"},
		{"{% set x = [1] %}{{ macros.yaml.dump([x, x]) }}", "!! that is there twice"},
		{"{{ macros.yaml.dump([1], default_flow_style=true) }}", "!! default_flow_style is not supported"},
		{"{{ macros.yaml.load('x') }}", "!! macros.yaml.load is not supported"},
	})
}

func TestLocales(t *testing.T) {
	t.Parallel()
	c, a := full(&world{})
	at := func(pattern, locale string) string {
		return "{{ macros.ds_format_locale('2024-03-07 05:06', '%Y-%m-%d %H:%M', \"" + pattern + "\", " + locale + ") }}"
	}
	compare(t, c, a, [][2]string{
		{at("EEEE dd MMMM yyyy", "none"), "Thursday 07 March 2024"},
		{at("EEE, d. MMM yy 'um' h:mm a", "'de_DE'"), "Do., 7. März 24 um 5:06 AM"},
		{at("D Q F kk K SSS Z ''", "'en'"), "67 1 1 05 5 000 +0000 '"},
		{at("d LLLL", "'ru'"), "7 март"},
		{at("LLLL a", "'zh'"), "三月 上午"},
		{"{{ macros.ds_format_locale('1.1296', '%S.%f', 'SSS SS SSSSSSS', 'en') }}", "129 12 1296000"},
		{at("full", "'en'"), "!! does not know the format \"full\""},
		{at("GGG", "'en'"), "!! does not know \"GGG\" in a pattern"},
		{at("d", "'tlh'"), "!! does not know locale \"tlh\""},
	})
}
