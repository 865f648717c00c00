package s3

import (
	"context"
	"errors"
	"fmt"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/updraft-dev/updraft/task"
)

// maxListed is the most keys that a task's value may have: more belong into a manifest,
// not into a task's memory and XComs.
const maxListed = 1_000_000

// list executes an S3ListOperator.
func list(ctx context.Context, a *task.Attempt) (task.Result, error) {
	in, err := listing(a)
	if err != nil {
		return task.Result{}, err
	}
	apply, err := task.Get(a, "apply_wildcard", false)
	if err != nil {
		return task.Result{}, err
	}
	matches := func(string) bool { return true }
	if before, _, found := strings.Cut(*in.Prefix, "*"); found && apply {
		pattern, err := wildcard(*in.Prefix)
		if err != nil {
			return task.Result{}, task.Misconfigured(fmt.Errorf("argument prefix: %w", err))
		}
		matches, in.Prefix = pattern.MatchString, &before
	}
	return collect(ctx, a, in, func(out *api.ListObjectsV2Output) (found []any) {
		for _, o := range out.Contents {
			if key := sdk.ToString(o.Key); matches(key) {
				found = append(found, key)
			}
		}
		return found
	})
}

// listPrefixes executes an S3ListPrefixesOperator.
func listPrefixes(ctx context.Context, a *task.Attempt) (task.Result, error) {
	in, err := listing(a)
	if err != nil {
		return task.Result{}, err
	}
	return collect(ctx, a, in, func(out *api.ListObjectsV2Output) (found []any) {
		for _, p := range out.CommonPrefixes {
			found = append(found, sdk.ToString(p.Prefix))
		}
		return found
	})
}

func listing(a *task.Attempt) (*api.ListObjectsV2Input, error) {
	bucket, e1 := bucketName(a, "bucket")
	prefix, e2 := task.Get(a, "prefix", "")
	delimiter, e3 := task.Get(a, "delimiter", "")
	return &api.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix, Delimiter: &delimiter}, errors.Join(e1, e2, e3)
}

// collect makes the task's value of all pages.
func collect(ctx context.Context, a *task.Attempt, in *api.ListObjectsV2Input, of func(*api.ListObjectsV2Output) []any) (task.Result, error) {
	s, err := open(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	defer s.Close()
	a.Log.InfoContext(ctx, fmt.Sprintf("listing s3://%s/%s", *in.Bucket, *in.Prefix))
	all := []any{}
	err = s.pages(ctx, in, func(out *api.ListObjectsV2Output) error {
		if all = append(all, of(out)...); len(all) > maxListed {
			return task.Fatal(fmt.Errorf("there are more than %d: list in a Python task that stores them", maxListed))
		}
		return nil
	})
	return task.Result{Value: all}, err
}
