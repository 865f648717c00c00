package dagfile

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/scheduler/timetable"
)

var update = flag.Bool("update", false, "write testdata/messages.txt anew")

func messageOptions() Options {
	return Options{
		File: "d.yaml", Catalog: testCatalog(),
		ReadFile:      func(string) ([]byte, error) { return nil, fs.ErrNotExist },
		Exists:        func(string) bool { return false },
		CheckSchedule: func(s dag.Schedule) error { _, err := timetable.New(s); return err },
	}
}

// messages is all that loading a text says.
func messages(text string, o Options) string {
	res, err := Load([]byte(text), o)
	var b strings.Builder
	if err != nil {
		b.WriteString(err.Error() + "\n")
	}
	for _, w := range res.Warnings {
		b.WriteString("warning: " + Problems{w}.Error() + "\n")
	}
	if b.Len() == 0 {
		return "loads\n"
	}
	return b.String()
}

// TestMessages holds every message: testdata/messages.txt has files and what is said
// of them.
func TestMessages(t *testing.T) {
	t.Parallel()
	const name = "testdata/messages.txt"
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for section := range strings.SplitSeq(strings.TrimPrefix(string(raw), "=== "), "\n=== ") {
		title, rest, _ := strings.Cut(section, "\n")
		text, want, ok := strings.Cut("\n"+rest+"\n", "\n---\n")
		if !ok {
			t.Fatalf("%s: no ---", title)
		}
		text = strings.TrimPrefix(text+"\n", "\n")
		got := messages(strings.NewReplacer(`\x00`, "\x00", `\x01`, "\x01").Replace(text), messageOptions())
		out.WriteString("=== " + title + "\n" + text + "---\n" + got)
		if diff := cmp.Diff(strings.TrimRight(want, "\n")+"\n", got); diff != "" && !*update {
			t.Errorf("%s (-want +got):\n%s", title, diff)
		}
	}
	if *update {
		if err := os.WriteFile(name, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStrict turns warnings into problems.
func TestStrict(t *testing.T) {
	t.Parallel()
	const text = "d:\n  shedule: \"@daily\"\n  tasks: {a: {operator: airflow.operators.empty.EmptyOperator}}\n"
	o := messageOptions()
	res, err := Load([]byte(text), o)
	if err != nil || len(res.DAGs) != 1 || len(res.Warnings) != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	o.Strict = true
	strict, err := Load([]byte(text), o)
	var problems Problems
	if !errors.As(err, &problems) || len(strict.DAGs)+len(strict.Warnings) > 0 {
		t.Fatalf("%+v, %v", strict, err)
	}
	if diff := cmp.Diff(res.Warnings, []Problem(problems)); diff != "" {
		t.Error(diff)
	}
}

// TestMWAAServerless loads a file as Amazon MWAA Serverless has them: with dag_id, and
// with operators of a list.
func TestMWAAServerless(t *testing.T) {
	t.Parallel()
	c := dag.NewCatalog(
		dag.OperatorSpec{Class: "airflow.providers.amazon.aws.sensors.s3.S3KeySensor", Kind: dag.OperatorSensor, Args: []dag.ArgSpec{
			{Name: "bucket_name", Type: dag.ArgString, Templated: true}, {Name: "bucket_key", Type: dag.ArgStrings, Required: true, Templated: true},
		}},
		dag.OperatorSpec{Class: "airflow.providers.amazon.aws.operators.s3.S3CopyObjectOperator", Args: []dag.ArgSpec{
			{Name: "source_bucket_key", Type: dag.ArgString, Required: true, Templated: true}, {Name: "dest_bucket_key", Type: dag.ArgString, Required: true, Templated: true},
		}},
	)
	const text = `orders_copy:
  dag_id: orders_copy
  schedule: "17 3 * * *"
  start_date: "2026-01-01"
  tasks:
    wait_file:
      operator: airflow.providers.amazon.aws.sensors.s3.S3KeySensor
      bucket_name: acme-in
      bucket_key: "orders/{{ ds }}/done"
    copy:
      operator: airflow.providers.amazon.aws.operators.s3.S3CopyObjectOperator
      source_bucket_key: "s3://acme-in/orders/{{ ds }}/all.csv"
      dest_bucket_key: "s3://acme-lake/orders/{{ ds_nodash }}.csv"
      dependencies: [wait_file]
`
	res, err := Load([]byte(text), Options{File: "orders.yaml", Catalog: c, Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	d := res.DAGs[0]
	if d.ID != "orders_copy" || len(d.Tasks) != 2 || d.StartDate == nil || d.Schedule.Cron[0] != "17 3 * * *" || d.Tasks[1].Upstream[0] != "wait_file" {
		t.Errorf("%+v", d)
	}
	if err := check(t, compileSchema(t, c), text); err != nil {
		t.Error(err)
	}
}

// FuzzLoad looks for files that make Load panic, or that give a DAG that cannot be
// stored.
func FuzzLoad(f *testing.F) {
	raw, err := os.ReadFile("testdata/messages.txt")
	if err != nil {
		f.Fatal(err)
	}
	for section := range strings.SplitSeq(string(raw), "=== ") {
		_, rest, _ := strings.Cut(section, "\n")
		text, _, _ := strings.Cut(rest, "---\n")
		f.Add(text)
	}
	for _, name := range []string{"simple_dag", "weather_data_pipeline"} {
		raw, err := os.ReadFile("../../dags/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw))
	}
	f.Fuzz(func(t *testing.T, text string) {
		res, err := Load([]byte(text), messageOptions())
		var problems Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("an error that is no Problems: %v", err)
		}
		for _, p := range append(problems, res.Warnings...) {
			if p.Line < 1 || p.Column < 1 || p.Message == "" {
				t.Errorf("%+v has no place or message", p)
			}
		}
		for _, d := range res.DAGs {
			body, version, err := dag.Encode(d)
			if err != nil {
				t.Fatalf("encode %s: %v", d.ID, err)
			}
			back, err := dag.Decode(body)
			if err != nil {
				t.Fatalf("decode %s: %v", d.ID, err)
			}
			if _, again, err := dag.Encode(back); err != nil || again != version {
				t.Errorf("version %s becomes %s, %v", version, again, err)
			}
		}
	})
}
