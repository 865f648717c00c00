package settings

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// memory is the few lines of a settings store that these tests need; what drivers
// promise is the suite storetest's matter.
type memory map[string]store.Setting

func (m memory) Setting(_ context.Context, k store.Kind, id string) (store.Setting, error) {
	s, ok := m[place(k, id)]
	if !ok {
		return s, store.ErrNotFound
	}
	return s, nil
}

func (m memory) PutSetting(_ context.Context, k store.Kind, s store.Setting) error {
	have, found := m[place(k, s.ID)]
	if s.Revision == -1 && found {
		return store.ErrExists
	}
	if s.Revision > 0 && s.Revision != have.Revision {
		return store.ErrConflict
	}
	s.Revision = have.Revision + 1
	m[place(k, s.ID)] = s
	return nil
}

func (m memory) Settings(_ context.Context, k store.Kind) ([]store.Setting, error) {
	var out []store.Setting
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if strings.HasPrefix(name, string(k)+" ") {
			out = append(out, m[name])
		}
	}
	return out, nil
}

func (m memory) DeleteSetting(_ context.Context, k store.Kind, id string) error {
	if _, ok := m[place(k, id)]; !ok {
		return store.ErrNotFound
	}
	delete(m, place(k, id))
	return nil
}

func (m memory) AssetEvents(context.Context, string, time.Time, time.Time, int) ([]run.AssetEvent, error) {
	return nil, nil
}

func testKeys(t *testing.T) *Keys {
	t.Helper()
	k, err := OpenKeys(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestLookUpOrder(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	env := map[string]string{"AIRFLOW_CONN_B": "env://b", "AIRFLOW_VAR_B": "env b", "UPDRAFT_CONN_C": `{"conn_type":"env"}`, "UPDRAFT_VAR_C": "", "AIRFLOW_CONN_E": ""}
	m := memory{}
	r := NewRegistry(Config{
		Store: m, Keys: testKeys(t),
		Lookup:  func(n string) (string, bool) { s, ok := env[n]; return s, ok },
		Secrets: &Secrets{Connections: map[string]Connection{"a": {ID: "a", Type: "file"}}, Variables: map[string]Variable{"a": {Key: "a", Value: "file a"}}},
	})
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		if err := r.PutConnection(ctx, Connection{ID: id, Type: "store", Password: "hunter2"}); err != nil {
			t.Fatal(err)
		}
		if err := r.PutVariable(ctx, Variable{Key: id, Value: "store"}); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string][2]string{"a": {"file", "file a"}, "b": {"env", "env b"}, "c": {"env", ""}, "d": {"store", "store"}, "e": {"store", "store"}} {
		c, err := r.Connection(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		v, err := r.Variable(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]string{c.Type, v.Value}; got != want {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
	for name, s := range m {
		if !Sealed(s.Value) || strings.Contains(string(s.Value), "hunter2") {
			t.Errorf("%s is stored in clear: %s", name, s.Value)
		}
	}
	all, err := r.Connections(ctx)
	if err != nil || len(all) != 5 || all[4].ID != "e" || all[4].Password != "hunter2" {
		t.Errorf("Connections() = %v, %v", all, err)
	}
	if err := errors.Join(r.DeleteConnection(ctx, "e"), r.DeleteVariable(ctx, "e")); err != nil {
		t.Error(err)
	}
	if vs, err := r.Variables(ctx); err != nil || len(vs) != 4 {
		t.Errorf("Variables() = %v, %v", vs, err)
	}
}

func TestRegistryErrors(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	where := filepath.Join(t.TempDir(), "other")
	other, err := OpenKeys(where)
	if err != nil {
		t.Fatal(err)
	}
	m := memory{}
	keys := testKeys(t)
	r := NewRegistry(Config{Store: m, Keys: keys, Lookup: func(n string) (string, bool) { return "hunter2", n == "AIRFLOW_CONN_BAD" }})
	if err := r.PutVariable(ctx, Variable{Key: "v", Value: "x"}); err != nil {
		t.Fatal(err)
	}
	m["variable moved"] = store.Setting{ID: "moved", Value: m["variable v"].Value}
	m["variable cut"] = store.Setting{ID: "cut", Value: []byte(sealPrefix + keys.ID() + ":AAAA")}
	m["variable odd"] = store.Setting{ID: "odd", Value: []byte(sealPrefix)}
	m["variable junk"] = store.Setting{ID: "junk", Value: []byte("junk")}
	get := func(r *Registry, key string) error { _, err := r.Variable(ctx, key); return err }
	_, badConn := r.Connection(ctx, "bad")
	_, noConn := r.Connection(ctx, "weather_api")
	_, noPool := r.Pool(ctx, "p")
	for _, tc := range []struct {
		got  error
		want string
		is   error
	}{
		{noConn, "connection `weather_api` not found: set it with `updraft connections add weather_api …` or AIRFLOW_CONN_WEATHER_API", store.ErrNotFound},
		{badConn, "AIRFLOW_CONN_BAD: connection bad: the URI has no type: use type://login:password@host:port/schema, or a JSON object", nil},
		{get(r, "none"), "variable `none` not found: set it with `updraft variables set none …` or AIRFLOW_VAR_NONE", store.ErrNotFound},
		{noPool, "pool `p` not found: make it with `updraft pools set p SLOTS DESCRIPTION`", store.ErrNotFound},
		{get(NewRegistry(Config{Store: m, Keys: other}), "v"), "variable v is sealed with key " + keys.ID() + ", which is not in " + where + ": put that key back, or store the value again: no key opens it", ErrKey},
		{get(NewRegistry(Config{Store: m}), "v"), "variable v is sealed, and there is no key: name the key file: no key opens it", ErrKey},
		{get(r, "moved"), "variable moved is damaged or was moved from another place: store it again", nil},
		{get(r, "cut"), "variable cut is damaged: store it again", nil},
		{get(r, "odd"), "variable odd is not sealed as it should be", nil},
		{get(r, "junk"), "variable junk: stored item is damaged: its value is not readable", store.ErrCorrupt},
		{r.PutVariable(ctx, Variable{}), "variable key is empty", nil},
		{r.PutPool(ctx, Pool{Name: "p", Slots: -7}), "pool p: slots is -7: use a number from 0, or -1 for no limit", nil},
		{r.PutConnection(ctx, Connection{ID: "c"}), "connection c has no type: give one such as http, postgres or generic", nil},
		{r.DeletePool(ctx, "default_pool"), "pool default_pool cannot be deleted: tasks without a pool are in it", nil},
		{r.DeletePool(ctx, "none"), "pool `none` not found: `updraft pools list` shows those there are", store.ErrNotFound},
		{NewRegistry(Config{}).PutVariable(ctx, Variable{Key: "k"}), "there is no store for settings", nil},
		{NewRegistry(Config{}).DeleteVariable(ctx, "k"), "there is no store for settings", nil},
		{get(NewRegistry(Config{}), "k"), "variable `k` not found: set it with `updraft variables set k …` or AIRFLOW_VAR_K", store.ErrNotFound},
	} {
		if fmt.Sprint(tc.got) != tc.want {
			t.Errorf("\n got %v\nwant %v", tc.got, tc.want)
		}
		if tc.is != nil && !errors.Is(tc.got, tc.is) {
			t.Errorf("%v is not %v", tc.got, tc.is)
		}
	}
}

func TestPools(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r := NewRegistry(Config{Store: memory{}})
	for _, p := range []Pool{{Name: "a", Slots: 1}, {Name: "z", Slots: -1, IncludeDeferred: true}} {
		if err := r.PutPool(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.Pools(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := []Pool{{Name: "a", Slots: 1}, {Name: "default_pool", Slots: 128, Description: "Default pool"}, {Name: "z", Slots: -1, IncludeDeferred: true}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if err := r.PutPool(ctx, Pool{Name: "default_pool", Slots: 4}); err != nil {
		t.Fatal(err)
	}
	if p, err := r.Pool(ctx, "default_pool"); err != nil || p.Slots != 4 {
		t.Errorf("default pool is %v, %v", p, err)
	}
	if got, err := r.Pools(ctx); err != nil || len(got) != 3 {
		t.Errorf("Pools() = %v, %v", got, err)
	}
	if err := r.DeletePool(ctx, "a"); err != nil {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			k, err := OpenKeys(path)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = k.ID()
		})
	}
	wg.Wait()
	if len(slices.Compact(ids)) != 1 {
		t.Errorf("processes that make the key file at once get %v", ids)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("key file has mode %v, want 0600", info.Mode())
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".key-*"))
	if len(left) > 0 {
		t.Errorf("files left over: %v", left)
	}

	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := ParseKeys(string(old), "old")
	sealed, err := before.Seal("p", []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := ParseKeys(fresh+"\n"+string(old), "new")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := rotated.Open("p", sealed); err != nil || string(got) != "text" {
		t.Errorf("after rotation: %q, %v", got, err)
	}
	if rotated.ID() == before.ID() {
		t.Error("the new key does not seal")
	}
	for text, want := range map[string]string{
		"":        "f has no key: restore it, or delete the file to get a new one (what was sealed before is then lost)",
		"# x\nAA": "f, line 2: not a key: 32 bytes in base64 are expected (44 characters)",
	} {
		if _, err := ParseKeys(text, "f"); fmt.Sprint(err) != want {
			t.Errorf("ParseKeys(%q): %v, want %s", text, err, want)
		}
	}
	if _, err := OpenKeys(filepath.Join(path, "below", "key")); err == nil {
		t.Error("a key file in a folder that is not there gives no error")
	}
}
