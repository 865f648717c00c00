package store

import (
	"encoding/json"
	"time"

	"github.com/updraft-dev/updraft/run"
)

// keptState is what drivers keep of a DAGState in one piece: what they do not ask for.
type keptState struct {
	Paused      bool                  `json:"paused,omitempty"`
	Last        *Interval             `json:"last,omitempty"`
	Assets      map[string]time.Time  `json:"assets,omitempty"`
	AssetsAfter time.Time             `json:"assets_after,omitzero"`
	Placements  []run.Placement       `json:"placements,omitempty"`
	Memory      map[string]run.Memory `json:"memory,omitempty"`
}

// EncodeState writes a DAG's state as JSON, but for Revision and Stale, which drivers keep
// beside it.
func EncodeState(s DAGState) ([]byte, error) {
	d := keptState{Paused: s.Paused}
	if !s.AssetsAfter.IsZero() {
		d.AssetsAfter = s.AssetsAfter.UTC()
	}
	if s.Last != nil {
		d.Last = &Interval{Start: s.Last.Start.UTC(), End: s.Last.End.UTC()}
	}
	if len(s.Assets) > 0 {
		d.Assets = make(map[string]time.Time, len(s.Assets))
	}
	for uri, t := range s.Assets {
		d.Assets[uri] = t.UTC()
	}
	for _, p := range s.Placements {
		p.At, p.Ended = p.At.UTC(), p.Ended.UTC()
		d.Placements = append(d.Placements, p)
	}
	if len(s.Memory) > 0 {
		d.Memory = make(map[string]run.Memory, len(s.Memory))
	}
	for task, m := range s.Memory {
		m.At = m.At.UTC()
		d.Memory[task] = m
	}
	return json.Marshal(d)
}

// DecodeState reads what EncodeState has written.
func DecodeState(b []byte) (DAGState, error) {
	var d keptState
	err := json.Unmarshal(b, &d)
	return DAGState{Paused: d.Paused, Last: d.Last, Assets: d.Assets, AssetsAfter: d.AssetsAfter, Placements: d.Placements, Memory: d.Memory}, err
}
