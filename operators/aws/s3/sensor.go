package s3

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

// keys is an S3KeySensor's arguments.
type keys struct {
	at       []location
	patterns []*regexp.Regexp // nil without wildcards
	regex    bool
	check    *dag.Callable
	metadata []string
}

// waitForKey executes an S3KeySensor.
func waitForKey(ctx context.Context, a *task.Attempt) (task.Result, error) {
	k, err := readKeys(a)
	if err != nil {
		return task.Result{}, err
	}
	s, err := open(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	defer s.Close()
	return sensor.Run(ctx, a, func(ctx context.Context) (bool, any, error) {
		for i, at := range k.at {
			a.Log.InfoContext(ctx, "looking for "+at.String())
			var ok bool
			var err error
			if k.patterns != nil {
				ok, err = k.match(ctx, a, s, at, k.patterns[i])
			} else {
				ok, err = k.exact(ctx, a, s, at)
			}
			if err != nil || !ok {
				return false, nil, err
			}
		}
		return true, nil, nil
	})
}

func readKeys(a *task.Attempt) (*keys, error) {
	k := &keys{}
	names, e1 := task.Get(a, "bucket_key", []string(nil))
	bucket, e2 := task.Get(a, "bucket_name", "")
	wild, e3 := task.Get(a, "wildcard_match", false)
	regex, e4 := task.Get(a, "use_regex", false)
	check, e5 := task.Get(a, "check_fn", dag.Callable{})
	var e6 error
	if k.metadata, e6 = task.Get(a, "metadata_keys", []string(nil)); len(k.metadata) == 0 {
		k.metadata = []string{"Size", "Key"}
	}
	if err := errors.Join(e1, e2, e3, e4, e5, e6); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, task.Misconfigured(errors.New("argument bucket_key is empty: name a key"))
	}
	if check != (dag.Callable{}) {
		k.check = &check
	}
	k.regex = regex && !wild
	for _, name := range names {
		at, err := locate(a, "bucket_name", bucket, "bucket_key", name)
		if err != nil {
			return nil, err
		}
		k.at = append(k.at, at)
		if !wild && !regex {
			continue
		}
		p, err := pattern(at.key, wild)
		if err != nil {
			return nil, task.Misconfigured(fmt.Errorf("argument bucket_key: %w", err))
		}
		k.patterns = append(k.patterns, p)
	}
	return k, nil
}

func pattern(key string, wild bool) (*regexp.Regexp, error) {
	if wild {
		return wildcard(key)
	}
	return regexp.Compile(`\A(?:` + key + `)`)
}

// exact looks for one object.
func (k *keys) exact(ctx context.Context, a *task.Attempt, s *session, at location) (bool, error) {
	out, err := s.head(ctx, at)
	if err != nil || out == nil {
		return false, err
	}
	if k.check == nil {
		return true, nil
	}
	known := headed(out)
	known["Size"] = known["ContentLength"]
	return k.good(ctx, a, []any{k.chosen(known)})
}

// match looks for objects of a pattern. Without check_fn the first is enough; a regular
// expression has no check_fn, as in Airflow.
func (k *keys) match(ctx context.Context, a *task.Attempt, s *session, at location, p *regexp.Regexp) (bool, error) {
	prefix := ""
	if !k.regex {
		prefix = fixed(at.key)
	}
	found := false
	var files []any
	err := s.objects(ctx, at.bucket, prefix, func(o types.Object) error {
		if !p.MatchString(sdk.ToString(o.Key)) {
			return nil
		}
		found = true
		if k.check == nil || k.regex {
			return errStop
		}
		file, err := k.listed(ctx, s, at.bucket, o)
		files = append(files, file)
		return err
	})
	if err != nil || !found || k.check == nil || k.regex {
		return found, err
	}
	return k.good(ctx, a, files)
}

// listed is what check_fn gets of an object in a list; what a list does not tell is asked.
func (k *keys) listed(ctx context.Context, s *session, bucket string, o types.Object) (map[string]any, error) {
	known := map[string]any{"Key": sdk.ToString(o.Key), "Size": sdk.ToInt64(o.Size), "ETag": sdk.ToString(o.ETag), "StorageClass": string(o.StorageClass)}
	if o.LastModified != nil {
		known["LastModified"] = *o.LastModified
	}
	missing := func(name string) bool { _, ok := known[name]; return !ok }
	if slices.ContainsFunc(k.metadata, missing) {
		out, err := s.head(ctx, location{bucket, sdk.ToString(o.Key)})
		if err != nil {
			return nil, err
		}
		if out != nil {
			more := headed(out)
			maps.Copy(more, known)
			known = more
		}
	}
	return k.chosen(known), nil
}

// chosen picks metadata_keys; one that is not known is None.
func (k *keys) chosen(known map[string]any) map[string]any {
	if slices.Contains(k.metadata, "*") {
		return known
	}
	out := make(map[string]any, len(k.metadata))
	for _, name := range k.metadata {
		out[name] = known[name]
	}
	return out
}

// good asks check_fn.
func (k *keys) good(ctx context.Context, a *task.Attempt, files []any) (bool, error) {
	ok, _, err := a.Python.Check(ctx, a, task.PythonCall{Callable: *k.check, Args: []any{files}})
	return ok, err
}

// quiet is an S3KeysUnchangedSensor between its looks.
type quiet struct {
	bucket, prefix string
	period         time.Duration
	fewest         int
	allowDelete    bool
	seen           map[string]bool
	changed        time.Time
}

// waitForQuiet executes an S3KeysUnchangedSensor.
func waitForQuiet(ctx context.Context, a *task.Attempt) (task.Result, error) {
	q := &quiet{seen: map[string]bool{}}
	var seconds float64
	var before []string
	var errs [6]error
	q.bucket, errs[0] = bucketName(a, "bucket_name")
	q.prefix, errs[1] = task.Get(a, "prefix", "")
	seconds, errs[2] = task.Get(a, "inactivity_period", 3600.0)
	q.fewest, errs[3] = task.Get(a, "min_objects", 1)
	q.allowDelete, errs[4] = task.Get(a, "allow_delete", true)
	before, errs[5] = task.Get(a, "previous_objects", []string(nil))
	if err := errors.Join(errs[:]...); err != nil {
		return task.Result{}, err
	}
	if seconds < 0 {
		return task.Result{}, task.Misconfigured(errors.New("inactivity_period must be non-negative"))
	}
	if a.Args["mode"] == "reschedule" {
		return task.Result{}, task.Misconfigured(errors.New("mode is reschedule: this sensor has to keep its slot, use poke"))
	}
	q.period = time.Duration(seconds * float64(time.Second))
	for _, key := range before {
		q.seen[key] = true
	}
	s, err := open(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	defer s.Close()
	staying := *a
	staying.Args = maps.Clone(a.Args)
	delete(staying.Args, "deferrable")
	return sensor.Run(ctx, &staying, func(ctx context.Context) (bool, any, error) {
		now := map[string]bool{}
		err := s.objects(ctx, q.bucket, q.prefix, func(o types.Object) error {
			now[sdk.ToString(o.Key)] = true
			return nil
		})
		if err != nil {
			return false, nil, err
		}
		done, err := q.look(ctx, a, now)
		return done, nil, err
	})
}

// look compares what is there with what was: Airflow takes a look with as many objects
// added as deleted for one with deletions.
func (q *quiet) look(ctx context.Context, a *task.Attempt, now map[string]bool) (bool, error) {
	at := fmt.Sprintf("s3://%s/%s", q.bucket, q.prefix)
	gone := 0
	for key := range q.seen {
		if !now[key] {
			gone++
		}
	}
	switch {
	case gone > 0 && !q.allowDelete:
		return false, fmt.Errorf("%d objects were deleted in %s between two looks, and allow_delete is not set", gone, at)
	case gone > 0 || len(now) > len(q.seen):
		a.Log.InfoContext(ctx, fmt.Sprintf("%s has changed: %d objects, %d deleted", at, len(now), gone))
		q.seen, q.changed = now, a.Now()
		return false, nil
	case q.changed.IsZero():
		q.changed = a.Now()
	}
	if a.Now().Sub(q.changed) < q.period {
		return false, nil
	}
	if len(now) < q.fewest {
		a.Log.WarnContext(ctx, fmt.Sprintf("nothing has changed in %s for %s, but it has only %d objects", at, q.period, len(now)))
		return false, nil
	}
	a.Log.InfoContext(ctx, fmt.Sprintf("%s has %d objects, and nothing has changed for %s", at, len(now), q.period))
	return true, nil
}
