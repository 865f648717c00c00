package bag

import (
	"strings"
	"testing"
)

// TestIgnored holds what Airflow 3 does; a path with a slash at its end is a folder.
func TestIgnored(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		syntax IgnoreSyntax
		base   string
		text   string
		yes    string
		no     string
	}{
		{"empty", IgnoreGlob, "", "\n  \n# a remark\n/\n", "", "a.yaml a/"},
		{"name anywhere", IgnoreGlob, "", "old.yaml", "old.yaml a/old.yaml old.yaml/", "xold.yaml old_yaml old.yaml.bak"},
		{"star", IgnoreGlob, "", "*_test.yaml", "a_test.yaml x/a_test.yaml _test.yaml", "a_test.yml"},
		{"star stays in its folder", IgnoreGlob, "", "a/*.yaml", "a/x.yaml", "a/b/x.yaml b/a/x.yaml"},
		{"question mark", IgnoreGlob, "", "a?.yaml", "ab.yaml", "a.yaml abc.yaml a/.yaml"},
		{"set", IgnoreGlob, "", "v[0-9]*", "v1 v12.yaml", "va v"},
		{"negated set", IgnoreGlob, "", "v[!0-9].yaml", "va.yaml v^.yaml", "v1.yaml"},
		{"set with bracket", IgnoreGlob, "", "a[]b].yaml", "a].yaml ab.yaml", "a[.yaml"},
		{"folder only", IgnoreGlob, "", "tmp/", "tmp/ a/tmp/", "tmp"},
		{"folder below", IgnoreGlob, "", "/a/tmp/", "a/tmp/ a/tmp/x", "a/tmp b/a/tmp/"},
		{"tied", IgnoreGlob, "", "/a.yaml", "a.yaml", "x/a.yaml"},
		{"tied by the middle", IgnoreGlob, "", "a/b.yaml", "a/b.yaml", "x/a/b.yaml"},
		{"any folders", IgnoreGlob, "", "**/tests/x.yaml", "tests/x.yaml a/b/tests/x.yaml", "tests/y.yaml"},
		{"any folders between", IgnoreGlob, "", "a/**/z.yaml", "a/z.yaml a/b/c/z.yaml", "z.yaml b/z.yaml"},
		{"all inside", IgnoreGlob, "", "a/**", "a/x a/b/c", "a b/x"},
		{"exception", IgnoreGlob, "", "*.yaml\n!keep.yaml", "a.yaml", "keep.yaml x/keep.yaml"},
		{"exception of a folder", IgnoreGlob, "", "*.yaml\n!a/b", "a/x.yaml", "a/b/x.yaml"},
		{"last rule decides", IgnoreGlob, "", "!a.yaml\n*.yaml", "a.yaml", ""},
		{"remark behind", IgnoreGlob, "", "a.yaml  # no more", "a.yaml", "b.yaml"},
		{"escapes", IgnoreGlob, "", "\\!a\n\\#b\nc\\*", "!a #b c*", "a b cd"},
		{"blanks", IgnoreGlob, "", "a.yaml  \r\nb.yaml\r", "a.yaml b.yaml", ""},
		{"beyond ASCII", IgnoreGlob, "", "été?.yaml", "étés.yaml", "été.yaml ete1.yaml"},
		{"of a folder", IgnoreGlob, "team", "/a.yaml\nx/b.yaml\n*.yml", "team/a.yaml team/x/b.yaml team/y/c.yml", "a.yaml x/b.yaml team/y/a.yaml"},
		{"regexp", IgnoreRegexp, "", "project_a\ntenant_[\\d]", "project_a/x.yaml a/project_a_1.yaml tenant_1.yaml", "project_b.yaml tenant_a.yaml"},
		{"regexp with remark", IgnoreRegexp, "", "^a  # only at the top", "abc", "b/abc"},
		{"regexp of a folder sees the whole path", IgnoreRegexp, "team", "^team/a", "team/abc", "team/x/abc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rules, err := parseIgnore(tt.text, tt.base, tt.syntax)
			if err != nil {
				t.Fatal(err)
			}
			for want, list := range map[bool]string{true: tt.yes, false: tt.no} {
				for _, p := range strings.Fields(list) {
					rel, folder := strings.CutSuffix(p, "/")
					if got := ignored(rules, rel, folder); got != want {
						t.Errorf("ignored(%q) = %v, want %v; rules %q", p, got, want, tt.text)
					}
				}
			}
		})
	}
}

func TestIgnoreFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		syntax     IgnoreSyntax
		text, want string
	}{
		{IgnoreGlob, "ok\na[b", `team/.airflowignore:2: the pattern "a[b" has a [ without ]: write \[ for the character`},
		{IgnoreGlob, "[z-a]", "team/.airflowignore:1: the pattern \"[z-a]\" cannot be used: error parsing regexp: invalid character class range: `z-a`"},
		{IgnoreRegexp, "(?=x)\nok", "team/.airflowignore:1: the pattern \"(?=x)\" cannot be used: error parsing regexp: invalid or unsupported Perl syntax: `(?=`: look-around and back-references are not supported"},
	} {
		rules, err := parseIgnore(tt.text, "team", tt.syntax)
		if err == nil || err.Error() != tt.want {
			t.Errorf("parseIgnore(%q) error = %v, want %s", tt.text, err, tt.want)
		}
		if strings.Contains(tt.text, "ok") && !ignored(rules, "team/ok", false) {
			t.Errorf("parseIgnore(%q): the good line has no effect", tt.text)
		}
	}
}

func FuzzIgnore(f *testing.F) {
	f.Add("*.yaml\n!a/b/\n[!a-c]**/x # y", "a/b/c.yaml")
	f.Fuzz(func(_ *testing.T, text, path string) {
		for _, syntax := range []IgnoreSyntax{IgnoreGlob, IgnoreRegexp} {
			rules, _ := parseIgnore(text, "a", syntax)
			ignored(rules, path, false)
			ignored(rules, path, true)
		}
	})
}
