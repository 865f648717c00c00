package bag

import (
	"context"
	"errors"
	"slices"
	"time"
)

// settle decides which file has which DAG, and refuses the files that want another's.
func (s *scan) settle(ctx context.Context) (map[string]string, error) {
	for {
		owners := s.assign()
		// A file that was refused for a DAG that its rival has no more gets its chance.
		var again []string
		for _, p := range s.paths {
			r, now := s.b.recs[p], s.loaded[p]
			if (now == nil || now.unread && !now.vanished) && r != nil && r.Rival != nil && owners[r.Rival.DAGID] != r.Rival.Path {
				again = append(again, p)
			}
		}
		if len(again) == 0 {
			return owners, nil
		}
		if err := s.readAll(ctx, again); err != nil {
			return nil, err
		}
	}
}

// assign gives every DAG id to one file. A file that wants another's is refused and
// keeps what it had: who had an id before is preferred, and then the first by path.
func (s *scan) assign() map[string]string {
	for _, r := range s.loaded {
		r.dup = nil
	}
	owners := s.owners()
	for s.refuse(owners) {
		owners = s.owners()
	}
	// Refusing one may have made the reason for refusing another void.
	for s.readmit(owners) {
	}
	for p, r := range s.loaded {
		if r.dup != nil {
			i := slices.IndexFunc(r.ids, func(id string) bool { return owners[id] != "" && owners[id] != p })
			r.dup = &DuplicateError{DAGID: r.ids[i], Path: p, Other: owners[r.ids[i]]}
		}
	}
	return owners
}

// claims are the DAG ids that a file has unless another has them.
func (s *scan) claims(p string) []string {
	if r := s.loaded[p]; r.good() && r.dup == nil {
		return r.ids
	}
	return s.had(p)
}

// had are the DAG ids a file had before this scan.
func (s *scan) had(p string) []string {
	if r := s.b.recs[p]; r != nil {
		return r.DAGIDs
	}
	return nil
}

func (s *scan) owners() map[string]string {
	out := make(map[string]string, len(s.paths))
	for _, first := range []bool{true, false} {
		for _, p := range s.paths {
			had := s.had(p)
			for _, id := range s.claims(p) {
				if out[id] == "" && (!first || slices.Contains(had, id)) {
					out[id] = p
				}
			}
		}
	}
	return out
}

// refuse refuses the files that want what others have; it says whether there were any.
func (s *scan) refuse(owners map[string]string) bool {
	found := false
	for p, r := range s.loaded {
		if !r.good() || r.dup != nil {
			continue
		}
		for _, id := range r.ids {
			if owners[id] != p {
				r.dup, found = &DuplicateError{}, true
				break
			}
		}
	}
	return found
}

// readmit takes back the refusal of the first file that does not want what others have.
func (s *scan) readmit(owners map[string]string) bool {
	for _, p := range s.paths {
		r := s.loaded[p]
		if !r.good() || r.dup == nil {
			continue
		}
		if slices.ContainsFunc(r.ids, func(id string) bool { return owners[id] != "" && owners[id] != p }) {
			continue
		}
		for _, id := range s.had(p) {
			if owners[id] == p {
				delete(owners, id)
			}
		}
		for _, id := range r.ids {
			owners[id] = p
		}
		r.dup = nil
		return true
	}
	return false
}

// apply returns what changed and what is known from now on.
func (s *scan) apply(owners map[string]string) (Changes, map[string]*record) {
	var out Changes
	next := make(map[string]*record, len(s.paths))
	for _, p := range s.paths {
		old := s.b.recs[p]
		r := s.loaded[p]
		if r == nil || r.vanished {
			if old != nil {
				next[p] = old
			}
			continue
		}
		now := &record{}
		if old != nil {
			*now = *old
		}
		next[p] = now
		now.Stamp, now.Hash, now.read = r.stamp, r.hash, s.now
		if !r.unread || r.loaded.Volatile {
			now.Deps, now.Volatile, now.Content = r.loaded.Files, r.loaded.Volatile, r.content
			now.Firm = r.loaded.Firm && r.dup == nil
		}
		switch {
		case r.unread:
		case r.err != nil:
			s.fail(p, now, r.err, &out)
		case r.dup != nil:
			s.fail(p, now, r.dup, &out)
		default:
			now.Err, now.err, now.Rival, now.Since = "", nil, nil, time.Time{}
			stale := orphans(owners, without(now.DAGIDs, r.ids))
			now.DAGIDs = r.ids
			out.Upserted = append(out.Upserted, File{Path: p, DAGs: r.loaded.DAGs, Stale: stale, Warnings: r.loaded.Warnings})
		}
	}
	for _, p := range sortedKeys(s.b.recs) {
		if next[p] == nil {
			out.Gone = append(out.Gone, Gone{Path: p, DAGIDs: orphans(owners, s.b.recs[p].DAGIDs)})
		}
	}
	return out, next
}

// fail notes an import error, and reports it unless it is the one known already.
func (s *scan) fail(p string, r *record, err error, out *Changes) {
	known := r.Err == err.Error()
	if r.Err == "" {
		r.Since = s.now
	}
	r.Err, r.err, r.Rival = err.Error(), err, nil
	if d := (*DuplicateError)(nil); errors.As(err, &d) {
		r.Rival = &rival{Path: d.Other, DAGID: d.DAGID}
	}
	if !known {
		out.Broken = append(out.Broken, r.broken(p))
	}
}

// without is ids that are not in others.
func without(ids, others []string) []string {
	var out []string
	for _, id := range ids {
		if !slices.Contains(others, id) {
			out = append(out, id)
		}
	}
	return out
}

// orphans are the ids that no file has.
func orphans(owners map[string]string, ids []string) []string {
	var out []string
	for _, id := range ids {
		if owners[id] == "" {
			out = append(out, id)
		}
	}
	return out
}
