package s3

import (
	"context"
	"errors"
	"fmt"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/task"
)

// createBucket executes an S3CreateBucketOperator.
func createBucket(ctx context.Context, a *task.Attempt) (task.Result, error) {
	name, err := bucketName(a, "bucket_name")
	if err != nil {
		return task.Result{}, err
	}
	namespace, err := task.Get(a, "bucket_namespace", "")
	if err != nil {
		return task.Result{}, err
	}
	s, err := open(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	defer s.Close()
	there, err := s.hasBucket(ctx, name)
	if err != nil {
		return task.Result{}, err
	}
	if there {
		a.Log.InfoContext(ctx, "bucket "+name+" is there already")
		return task.Result{}, nil
	}
	in := &api.CreateBucketInput{Bucket: &name, BucketNamespace: types.BucketNamespace(namespace)}
	if r := s.Config.Region; r != "us-east-1" { // the one region that may not be named
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(r)}
	}
	if _, err := s.client.CreateBucket(ctx, in); err != nil {
		return task.Result{}, s.Failed("create bucket "+name, err)
	}
	a.Log.InfoContext(ctx, "created bucket "+name)
	return task.Result{}, nil
}

// deleteBucket executes an S3DeleteBucketOperator.
func deleteBucket(ctx context.Context, a *task.Attempt) (task.Result, error) {
	name, err := bucketName(a, "bucket_name")
	if err != nil {
		return task.Result{}, err
	}
	force, err := task.Get(a, "force_delete", false)
	if err != nil {
		return task.Result{}, err
	}
	s, err := open(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	defer s.Close()
	there, err := s.hasBucket(ctx, name)
	if err != nil {
		return task.Result{}, err
	}
	if !there {
		a.Log.InfoContext(ctx, "there is no bucket "+name)
		return task.Result{}, nil
	}
	if force {
		if err := s.empty(ctx, a, name); err != nil {
			return task.Result{}, err
		}
	}
	if _, err := s.client.DeleteBucket(ctx, &api.DeleteBucketInput{Bucket: &name}); err != nil {
		return task.Result{}, s.Failed("delete bucket "+name, err)
	}
	a.Log.InfoContext(ctx, "deleted bucket "+name)
	return task.Result{}, nil
}

func bucketName(a *task.Attempt, arg string) (string, error) {
	name, err := task.Get(a, arg, "")
	if err == nil && name == "" {
		err = task.Misconfigured(fmt.Errorf("argument %s is empty: name a bucket", arg))
	}
	return name, err
}

// hasBucket says whether a bucket is there. One that may not be seen counts as absent, as
// in Airflow: what is done next says what is wrong.
func (s *session) hasBucket(ctx context.Context, name string) (bool, error) {
	_, err := s.client.HeadBucket(ctx, &api.HeadBucketInput{Bucket: &name})
	if err == nil || aws.IsAbsent(err) || aws.Code(err) == "Forbidden" {
		return err == nil, nil
	}
	return false, s.Failed("look for bucket "+name, err)
}

// empty deletes all objects of a bucket, page by page.
func (s *session) empty(ctx context.Context, a *task.Attempt, bucket string) error {
	var page []string
	err := s.objects(ctx, bucket, "", func(o types.Object) error {
		if page = append(page, sdk.ToString(o.Key)); len(page) < maxDelete {
			return nil
		}
		err := s.remove(ctx, a, bucket, page)
		page = page[:0]
		return err
	})
	if err != nil {
		return err
	}
	return s.remove(ctx, a, bucket, page)
}

// errStop ends a listing early.
var errStop = errors.New("stop")

// objects calls f for the objects of a prefix, in order, until it returns errStop.
func (s *session) objects(ctx context.Context, bucket, prefix string, f func(types.Object) error) error {
	return s.pages(ctx, &api.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix}, func(out *api.ListObjectsV2Output) error {
		for _, o := range out.Contents {
			if err := f(o); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *session) pages(ctx context.Context, in *api.ListObjectsV2Input, f func(*api.ListObjectsV2Output) error) error {
	pages := api.NewListObjectsV2Paginator(s.client, in)
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return s.Failed("list bucket "+*in.Bucket, err)
		}
		if err := f(out); errors.Is(err, errStop) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}
