package rowcodec

import (
	"encoding/json"
	"io"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// Exporter writes all that a store has as JSON, one object per line. Each has a field
// "kind": dag, version, run, instance, history, xcom, asset_event, or setting. Values of
// settings come as they are stored, sealed ones sealed, in base64.
type Exporter struct{ out *json.Encoder }

// NewExporter returns an exporter that writes to w.
func NewExporter(w io.Writer) *Exporter {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return &Exporter{out}
}

// DAG writes a DAG without its body.
func (e *Exporter) DAG(d *store.Definition) error {
	return e.out.Encode(struct {
		Kind     string               `json:"kind"`
		DAG      string               `json:"dag"`
		Version  string               `json:"version"`
		File     string               `json:"file"`
		Revision int64                `json:"revision"`
		Paused   bool                 `json:"paused"`
		Stale    bool                 `json:"stale"`
		Last     *store.Interval      `json:"last,omitempty"`
		Assets   map[string]time.Time `json:"assets,omitempty"`
	}{"dag", d.ID, d.Version, d.File, d.State.Revision, d.State.Paused, d.State.Stale, d.State.Last, d.State.Assets})
}

// Version writes a version of a DAG: its ID, Version, At and Body.
func (e *Exporter) Version(d *store.Definition) error {
	return e.out.Encode(struct {
		Kind    string    `json:"kind"`
		DAG     string    `json:"dag"`
		Version string    `json:"version"`
		At      time.Time `json:"at"`
		Body    any       `json:"body"`
	}{"version", d.ID, d.Version, d.At, jsonOrText(d.Body)})
}

// Run writes a run.
func (e *Exporter) Run(r run.Run) error {
	if len(r.Conf) > 0 && !json.Valid(r.Conf) {
		r.Conf, _ = json.Marshal(string(r.Conf))
	}
	return e.out.Encode(struct {
		Kind string `json:"kind"`
		run.Run
	}{"run", r})
}

// Instance writes a task instance of a run.
func (e *Exporter) Instance(id run.ID, i run.Instance) error { return e.instance("instance", id, i) }

// History writes an archived try.
func (e *Exporter) History(id run.ID, i run.Instance) error { return e.instance("history", id, i) }

func (e *Exporter) instance(kind string, id run.ID, i run.Instance) error {
	if len(i.Trigger) > 0 && !json.Valid(i.Trigger) {
		i.Trigger, _ = json.Marshal(string(i.Trigger))
	}
	return e.out.Encode(struct {
		Kind string `json:"kind"`
		run.ID
		run.Instance
	}{kind, id, i})
}

// XCom writes an XCom.
func (e *Exporter) XCom(x *store.XComItem) error {
	return e.out.Encode(struct {
		Kind string `json:"kind"`
		run.Key
		Name  string    `json:"key"`
		At    time.Time `json:"timestamp"`
		Value any       `json:"value"`
	}{"xcom", x.Key, x.Name, x.At, jsonOrText(x.Value)})
}

// Event writes an asset event.
func (e *Exporter) Event(ev run.AssetEvent) error {
	return e.out.Encode(struct {
		Kind string `json:"kind"`
		run.AssetEvent
	}{"asset_event", ev})
}

// Setting writes a setting.
func (e *Exporter) Setting(k store.Kind, s store.Setting) error {
	return e.out.Encode(struct {
		Kind     string     `json:"kind"`
		Of       store.Kind `json:"setting"`
		ID       string     `json:"id"`
		Revision int64      `json:"revision"`
		At       time.Time  `json:"at"`
		Value    []byte     `json:"value"`
	}{"setting", k, s.ID, s.Revision, s.At, s.Value})
}

// jsonOrText keeps what is JSON as it is; stores take other bytes too.
func jsonOrText(b []byte) any {
	if json.Valid(b) {
		return json.RawMessage(b)
	}
	return string(b)
}
