package kubemerge_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/executors/kubeexec/kubemerge"
)

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestOver(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, base, by, want string }{
		{name: "nothing", base: `{"kind":"Pod"}`, by: `{}`, want: `{"kind":"Pod"}`},
		{name: "an empty value cannot unset", base: `{"spec":{"hostNetwork":true,"nodeName":"n"}}`, by: `{"spec":{"hostNetwork":false,"nodeName":""}}`, want: `{"spec":{"hostNetwork":true,"nodeName":"n","containers":null}}`},
		{name: "but is kept where there was none", base: `{}`, by: `{"spec":{"hostNetwork":false}}`, want: `{"spec":{"hostNetwork":false,"containers":null}}`},
		{
			name: "labels are united, and may be empty", base: `{"metadata":{"labels":{"a":"1","b":"2"}}}`, by: `{"metadata":{"labels":{"b":"","c":"3"}}}`,
			want: `{"metadata":{"labels":{"a":"1","b":"","c":"3"}}}`,
		},
		{
			name: "volumes are appended, tolerations replaced", base: `{"spec":{"volumes":[1],"tolerations":[1]}}`, by: `{"spec":{"volumes":[2],"tolerations":[2]}}`,
			want: `{"spec":{"volumes":[1,2],"tolerations":[2],"containers":null}}`,
		},
		{
			name: "containers go by position", base: `{"spec":{"containers":[{"name":"a","image":"i"},{"name":"b"}]}}`,
			by:   `{"spec":{"containers":[{"name":"x"},{"image":"j"},{"name":"c"}]}}`,
			want: `{"spec":{"containers":[{"name":"x","image":"i"},{"name":"b","image":"j"},{"name":"c"}]}}`,
		},
		{
			name: "the later variable of a name counts", base: `{"spec":{"containers":[{"env":[{"name":"A","value":"1"},{"name":"B"}]}]}}`,
			by:   `{"spec":{"containers":[{"env":[{"name":"A","value":"2"}]}]}}`,
			want: `{"spec":{"containers":[{"env":[{"name":"B"},{"name":"A","value":"2"}]}]}}`,
		},
	} {
		got, err := kubemerge.Over(parse(t, tt.base), parse(t, tt.by), nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(parse(t, tt.want), parse(t, string(b))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestRefine(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	base, by := parse(t, `{"spec":{"containers":[{"name":"a"}]}}`), parse(t, `{"spec":{"containers":[{"image":"i"},{"name":"b"}]}}`)
	var seen []int
	_, err := kubemerge.Over(base, by, func(i int, merged, _, _ map[string]any) error {
		seen = append(seen, i)
		if merged["name"] != "a" || merged["image"] != "i" {
			t.Errorf("merged is %v", merged)
		}
		return bad
	})
	if !errors.Is(err, bad) || len(seen) != 1 || seen[0] != 0 {
		t.Errorf("got %v for containers %v", err, seen)
	}
}
