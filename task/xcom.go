package task

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

var errNoXComs = errors.New("XComs are not available here")

// ErrClaimLost says that the attempt is not the current one any more: it was cleared,
// or given up for lost and started again.
var ErrClaimLost = errors.New("the attempt was replaced: it was cleared or taken for lost")

// priorRuns bounds how many earlier runs are searched for an XCom.
const priorRuns = 1000

// Push implements XComs.
func (x *execution) Push(ctx context.Context, name string, value any) error {
	if x.r.cfg.Store == nil {
		return errNoXComs
	}
	xc, err := x.newXCom(ctx, name, value)
	if err != nil {
		return err
	}
	err = x.r.cfg.Store.PutXCom(ctx, x.a.Key.Key, x.w.Instance.Token, xc)
	switch {
	case errors.Is(err, store.ErrConflict):
		return fmt.Errorf("pushing XCom %q: %w", name, ErrClaimLost)
	case errors.Is(err, store.ErrTooLarge):
		return fmt.Errorf("pushing XCom %q: %w", name, err)
	case err != nil:
		return infra(fmt.Errorf("pushing XCom %q: %w", name, err))
	}
	return nil
}

// newXCom encodes a value and puts it elsewhere if it is large.
func (x *execution) newXCom(ctx context.Context, name string, value any) (run.XCom, error) {
	if name == "" {
		return run.XCom{}, errors.New("an XCom needs a key")
	}
	raw, err := EncodeXCom(value)
	if err != nil {
		return run.XCom{}, fmt.Errorf("XCom %q: %w", name, err)
	}
	if bytes.HasPrefix(raw, []byte(refPrefix)) {
		return run.XCom{}, fmt.Errorf("XCom %q: a dict that begins with the key %s is reserved", name, refKey)
	}
	if limit := x.r.cfg.InlineXComLimit; limit > 0 && len(raw) > limit && x.r.cfg.LargeXComs != nil {
		if raw, err = putLarge(ctx, x.r.cfg.LargeXComs, x.a.Key, x.w.Instance.Token, name, raw); err != nil {
			return run.XCom{}, infra(fmt.Errorf("XCom %q: storing %d bytes: %w", name, len(raw), err))
		}
	}
	return run.XCom{Name: name, Value: raw, At: x.r.cfg.Now()}, nil
}

// Pull implements XComs.
func (x *execution) Pull(ctx context.Context, q Pull) ([]PulledXCom, error) {
	if x.r.cfg.Store == nil {
		return nil, errNoXComs
	}
	id := x.w.Run.ID
	if q.DAG != "" {
		id.DAG = q.DAG
	}
	if q.Run != "" {
		id.Run = q.Run
	}
	tasks := q.Tasks
	if len(tasks) == 0 {
		tasks = []string{x.a.Task.ID}
	}
	query := store.XComQuery{Run: id, Tasks: tasks, Maps: q.Maps, Name: keyOr(q.Name)}
	out, err := x.query(ctx, query)
	if err != nil || len(out) > 0 || !q.PriorDates || x.w.Run.LogicalDate == nil {
		return out, err
	}
	filter := store.RunFilter{DAG: id.DAG, LogicalBefore: *x.w.Run.LogicalDate}
	for page, seen := (store.Page{}), 0; seen < priorRuns; {
		list, err := x.r.cfg.Store.ListRuns(ctx, filter, page)
		if err != nil {
			return nil, infra(fmt.Errorf("looking for earlier runs of %s: %w", id.DAG, err))
		}
		for _, earlier := range list.Items {
			seen++
			query.Run = earlier.ID
			if out, err := x.query(ctx, query); err != nil || len(out) > 0 {
				return out, err
			}
		}
		if page.Token = list.Next; page.Token == "" {
			break
		}
	}
	return nil, nil
}

// query returns values in the order in which the tasks were asked for.
func (x *execution) query(ctx context.Context, q store.XComQuery) ([]PulledXCom, error) {
	items, err := x.r.cfg.Store.XComs(ctx, q)
	if err != nil {
		return nil, infra(fmt.Errorf("reading XComs of %s: %w", q.Run, err))
	}
	out := make([]PulledXCom, len(items))
	for i, item := range items {
		raw, err := x.whole(ctx, item.Value)
		if err != nil {
			return nil, fmt.Errorf("XCom %q of %s: %w", item.Name, item.Key, err)
		}
		out[i] = PulledXCom{Key: item.Key, Value: raw}
	}
	if len(q.Tasks) > 1 {
		slices.SortStableFunc(out, func(a, b PulledXCom) int {
			return slices.Index(q.Tasks, a.Key.Task) - slices.Index(q.Tasks, b.Key.Task)
		})
	}
	return out, nil
}

func (x *execution) whole(ctx context.Context, raw json.RawMessage) (json.RawMessage, error) {
	return WholeXCom(ctx, x.r.cfg.LargeXComs, raw)
}

func (x *execution) decode(ctx context.Context, raw json.RawMessage) (any, error) {
	raw, err := x.whole(ctx, raw)
	if err != nil {
		return nil, err
	}
	return DecodeXCom(raw)
}
