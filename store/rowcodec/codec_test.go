package rowcodec

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/updraft-dev/updraft/run"
)

// set gives every field below v a value of its own.
func set(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Unix(int64(*n), int64(*n)).UTC()
		return
	case *json.RawMessage:
		*x = json.RawMessage(`{"a":1}`)
		return
	case *map[string]any:
		*x = map[string]any{"a": "b"}
		return
	case *run.State:
		*x = run.Running
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		set(t, v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			set(t, v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		set(t, v.Index(0), n)
		set(t, v.Index(1), n)
	case reflect.String:
		v.SetString("s" + time.Duration(*n).String())
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("no value for a %s", v.Type())
	}
}

// TestCodecKnowsEveryField fails when run.Instance or run.Run has a field that
// neither body nor a column keeps.
func TestCodecKnowsEveryField(t *testing.T) {
	t.Parallel()
	var (
		want, got run.Instance
		n         int
	)
	set(t, reflect.ValueOf(&want).Elem(), &n)
	got = run.Instance{Task: want.Task, Map: want.Map, State: want.State, Try: want.Try, Token: want.Token}
	d := decoder{b: AppendInstance(nil, &want)}
	if d.instance(&got); d.err != nil {
		t.Error(d.err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("instance (-want +got):\n%s", diff)
	}
	var wantRun run.Run
	set(t, reflect.ValueOf(&wantRun).Elem(), &n)
	gotRun := run.Run{ID: wantRun.ID, State: wantRun.State, Clears: wantRun.Clears, Type: wantRun.Type,
		Backfill: wantRun.Backfill, LogicalDate: wantRun.LogicalDate}
	body, err := EncodeRun(&wantRun)
	if err != nil {
		t.Fatal(err)
	}
	d = decoder{b: body}
	if d.run(&gotRun); d.err != nil {
		t.Error(d.err)
	}
	if diff := cmp.Diff(wantRun, gotRun); diff != "" {
		t.Errorf("run (-want +got):\n%s", diff)
	}
}

func TestDecodeDamaged(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, body, want string }{
		{"field without value", "\x01", "it ends too early"},
		{"string cut short", "\x02\x05ab", "it ends too early"},
		{"huge string", "\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "it ends too early"},
		{"field 0", "\x00", "it has a field 0"},
		{"unknown field", "\xc8\x01", "it has an unknown field 200"},
		{"impossible time", "\x06\x02\x80\x94\xeb\xdc\x03", "it has an impossible time"},
		{"list of nothing", "\x17\x01\x01a", "it has a list of tasks without a choice"},
		{"huge list", "\x16\x02\x17\xff\xff\xff\xff\x0f", "it ends too early"},
	}
	for _, tt := range tests {
		d := decoder{b: []byte(tt.body)}
		d.instance(&run.Instance{})
		if d.err == nil || d.err.Error() != tt.want {
			t.Errorf("%s: error %v, want %q", tt.name, d.err, tt.want)
		}
	}
}

func FuzzDecodeInstance(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x02\x05ab"))
	length := 3
	f.Add(AppendInstance(nil, &run.Instance{Worker: "w", Start: time.Unix(1, 2), Length: &length, Tail: "x",
		Choice: &run.Choice{Skipped: []string{"a", ""}}, ExitCode: -9, Trigger: []byte("{}")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var i, again run.Instance
		d := decoder{b: b}
		if d.instance(&i); d.err != nil {
			return
		}
		d = decoder{b: AppendInstance(nil, &i)}
		if d.instance(&again); d.err != nil {
			t.Fatalf("%+v cannot be read back: %v", i, d.err)
		}
		if diff := cmp.Diff(i, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzDecodeRun(f *testing.F) {
	at := time.Unix(5, 6)
	seed, err := EncodeRun(&run.Run{Version: "v", IntervalStart: &at, RunAfter: at, Conf: []byte(`{}`),
		Events: []run.AssetEvent{{Asset: "x", At: at}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		var r run.Run
		d := decoder{b: b}
		if d.run(&r); d.err != nil {
			return
		}
		if _, err := EncodeRun(&r); err != nil {
			t.Fatalf("%+v cannot be written: %v", r, err)
		}
	})
}
