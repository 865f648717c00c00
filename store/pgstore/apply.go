package pgstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/rowcodec"
)

// Apply implements store.Runs: all batches in one transaction.
func (s *Store) Apply(ctx context.Context, batches ...store.Batch) (store.Result, error) {
	if len(batches) == 0 {
		return store.Result{}, ctx.Err()
	}
	var c call
	for i := range batches {
		rows, err := s.enc.Batch(&batches[i])
		if err != nil {
			return store.Result{}, err
		}
		c.add(i, &rows)
	}
	args := append([]any{s.id}, c.args()...)
	var res store.Result
	err := s.do(ctx, "applying changes", func(ctx context.Context) error {
		res = store.Result{}
		return s.query(ctx, "SELECT * FROM apply("+placeholders(len(args))+")", args, func(rows pgx.Rows) error {
			return scanRefusal(rows, batches, &res)
		})
	})
	if err != nil {
		return store.Result{}, err
	}
	slices.SortFunc(res.Lost, func(a, b store.Lost) int {
		return cmp.Or(cmp.Compare(a.Batch, b.Batch), cmp.Compare(a.Change, b.Change))
	})
	return res, nil
}

func placeholders(n int) string {
	b := []byte("$1")
	for i := 2; i <= n; i++ {
		b = fmt.Appendf(b, ", $%d", i)
	}
	return string(b)
}

// The flags of a step, as the function apply reads them.
const (
	flagGone int32 = 1 << iota
	flagArchive
	flagClear
	flagAbsent
	flagXCom
)

// call is what the function apply is called with, but for who calls: a slice for each
// parameter, in its order.
type call struct {
	batches []*key
	runs    runColumns
	steps   []step
	events  eventColumns
}

type runColumns struct {
	batch     []int32
	create    []bool
	dagKey    []key
	dag       []string
	run       []string
	state     []string
	clears    []int32
	typ       []string
	logical   []*int64
	after     []int64
	backfill  []string
	owes      []bool
	body      [][]byte
	wasState  []string
	wasClears []int32
}

// step is a change of an instance, or an XCom of the one before it.
type step struct {
	// sort keeps the steps of all calls in one order.
	run, task key
	batch     int32
	change    int
	index     int
	rowcodec.Change
	xcom *rowcodec.XCom
}

type eventColumns struct {
	batch []int32
	id    []*int64
	key   []key
	asset []string
	at    []int64
	body  [][]byte
}

// add adds a batch.
func (c *call) add(i int, b *rowcodec.Batch) {
	n := int32(i + 1)
	var of *key
	if !b.EventsOnly {
		of = new(runKey(b.Run))
		if b.Create != nil {
			c.runs.add(n, b.Run, b.Create, &run.RunChange{}, true)
		}
		if b.Update != nil {
			c.runs.add(n, b.Run, b.Update, &run.RunChange{State: b.WasState, Clears: b.WasClears}, false)
		}
	}
	c.batches = append(c.batches, of)
	for k := range b.Changes {
		ch := b.Changes[k]
		st := step{run: *of, task: keyOf(ch.Task), batch: n, change: k, index: ch.Map, Change: ch}
		c.steps = append(c.steps, st)
		last := map[string]int{} // of a name that is written twice the last value counts
		for x := range ch.XComs {
			last[ch.XComs[x].Name] = x
		}
		for x := range ch.XComs {
			if last[ch.XComs[x].Name] == x {
				st.xcom = &ch.XComs[x]
				c.steps = append(c.steps, st)
			}
		}
	}
	for k := range b.Events {
		e := &b.Events[k]
		c.events.batch = append(c.events.batch, n)
		c.events.id = append(c.events.id, e.ID)
		c.events.key = append(c.events.key, keyOf(e.Asset))
		c.events.asset = append(c.events.asset, e.Asset)
		c.events.at = append(c.events.at, e.At)
		c.events.body = append(c.events.body, e.Body)
	}
}

func (r *runColumns) add(batch int32, id run.ID, row *rowcodec.Run, was *run.RunChange, create bool) {
	r.batch = append(r.batch, batch)
	r.create = append(r.create, create)
	r.dagKey = append(r.dagKey, keyOf(id.DAG))
	r.dag = append(r.dag, id.DAG)
	r.run = append(r.run, id.Run)
	r.state = append(r.state, string(row.State))
	r.clears = append(r.clears, int32(row.Clears))
	r.typ = append(r.typ, string(row.Type))
	r.logical = append(r.logical, row.Logical)
	r.after = append(r.after, row.RunAfter)
	r.backfill = append(r.backfill, row.Backfill)
	r.owes = append(r.owes, row.Owes)
	r.body = append(r.body, row.Body)
	r.wasState = append(r.wasState, string(was.State))
	r.wasClears = append(r.wasClears, int32(was.Clears))
}

func (c *call) args() []any {
	r, e := &c.runs, &c.events
	args := []any{c.batches, r.batch, r.create, r.dagKey, r.dag, r.run, r.state, r.clears, r.typ, r.logical, r.after, r.backfill,
		r.owes, r.body, r.wasState, r.wasClears}
	args = append(args, c.stepArgs()...)
	return append(args, e.batch, e.id, e.key, e.asset, e.at, e.body)
}

func (c *call) stepArgs() []any {
	// Stable: of one instance the order stays.
	slices.SortStableFunc(c.steps, func(a, b step) int {
		return cmp.Or(slices.Compare(a.run[:], b.run[:]), slices.Compare(a.task[:], b.task[:]), cmp.Compare(a.index, b.index))
	})
	n := len(c.steps)
	var (
		batch, change, flags, index, ifTry, try = make([]int32, n), make([]int32, n), make([]int32, n), make([]int32, n), make([]int32, n), make([]int32, n)
		keys, task, ifToken, token              = make([]key, n), make([]string, n), make([]string, n), make([]string, n)
		ifState, state                          = make([]int16, n), make([]int16, n)
		due                                     = make([]*int64, n)
		body, at                                = make([][]byte, n), make([][]byte, n)
		nameKey, name                           = make([]*key, n), make([]*string, n)
	)
	for i := range c.steps {
		s := &c.steps[i]
		batch[i], change[i], index[i], keys[i], task[i] = s.batch, int32(s.change), int32(s.index), s.task, s.Task
		if x := s.xcom; x != nil {
			flags[i], nameKey[i], name[i], at[i], body[i] = flagXCom, new(keyOf(x.Name)), &x.Name, x.At, x.Value
			continue
		}
		flags[i] = s.flags()
		ifState[i], ifTry[i], ifToken[i] = int16(s.If.State), int32(s.If.Try), s.If.Token
		state[i], try[i], token[i], due[i], body[i] = int16(s.State), int32(s.Try), s.Token, s.Due, s.Body
	}
	return []any{batch, change, flags, keys, task, index, ifState, ifTry, ifToken, state, try, token, due, body, nameKey, name, at}
}

func (s *step) flags() (f int32) {
	for _, one := range [...]struct {
		set  bool
		flag int32
	}{{s.Gone, flagGone}, {s.Archive && !s.If.Absent, flagArchive}, {s.Clear, flagClear}, {s.If.Absent, flagAbsent}} {
		if one.set {
			f |= one.flag
		}
	}
	return f
}

// scanRefusal reads a row of the function apply.
func scanRefusal(rows pgx.Rows, batches []store.Batch, res *store.Result) error {
	var (
		what             string
		n                int
		change, try      *int
		state            *int16
		token            *string
		body             []byte
		refused          error
		lost             store.Lost
		stored, isChange = run.Instance{}, false
	)
	if err := rows.Scan(&what, &n, &change, &state, &try, &token, &body); err != nil {
		return err
	}
	id := batches[n-1].Run
	switch what {
	case "exists":
		refused = store.ErrExists
	case "missing":
		refused = store.ErrNotFound
	case "run":
		lost = store.Lost{Batch: n - 1, Change: -1}
	default:
		lost, isChange = store.Lost{Batch: n - 1, Change: *change}, true
	}
	if refused != nil {
		if res.Refused == nil {
			res.Refused = map[int]error{}
		}
		res.Refused[n-1] = fmt.Errorf("run %s: %w", id, refused)
		return nil
	}
	if isChange && state != nil {
		want := &batches[n-1].Changes[*change].Want
		stored = run.Instance{Task: want.Task, Map: want.Map, State: run.State(*state), Try: *try, Token: *token}
		if err := rowcodec.DecodeInstance(body, nil, &stored); err != nil {
			return rowcodec.Damaged("task instance "+stored.Key(id).String(), err)
		}
		lost.Stored = &stored
	}
	res.Lost = append(res.Lost, lost)
	return nil
}
