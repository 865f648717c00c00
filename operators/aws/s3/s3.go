// Package s3 holds the operators and sensors of S3: buckets, objects, lists of them, and
// waiting for them.
package s3

import (
	"context"
	"slices"

	api "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

// The modules of Airflow's classes.
const (
	operators = "airflow.providers.amazon.aws.operators."
	sensors   = "airflow.providers.amazon.aws.sensors."
	contrib   = "airflow.contrib.operators."
)

// Operators returns the operators of this package.
func Operators() []task.Operator {
	return slices.Concat(bucketOperators(), objectOperators(), listOperators(), sensorOperators())
}

func bucketOperators() []task.Operator {
	return []task.Operator{
		{
			Spec: dag.OperatorSpec{
				Class:   operators + "s3.S3CreateBucketOperator",
				Aliases: []string{operators + "s3_bucket.S3CreateBucketOperator"},
				Doc:     "Creates a bucket, if it is not there.",
				Args:    slices.Concat(createBucketArgs(), aws.Args()),
			},
			Run: createBucket,
		},
		{
			Spec: dag.OperatorSpec{
				Class:   operators + "s3.S3DeleteBucketOperator",
				Aliases: []string{operators + "s3_bucket.S3DeleteBucketOperator"},
				Doc:     "Deletes a bucket, if it is there.",
				Args:    slices.Concat(deleteBucketArgs(), aws.Args()),
			},
			Run: deleteBucket,
		},
	}
}

func objectOperators() []task.Operator {
	return []task.Operator{
		{
			Spec: dag.OperatorSpec{
				Class: operators + "s3.S3CreateObjectOperator",
				Doc:   "Writes a text to an object.",
				Args:  slices.Concat(createObjectArgs(), aws.Args()),
			},
			Run: createObject,
		},
		{
			Spec: dag.OperatorSpec{
				Class: operators + "s3.S3CopyObjectOperator",
				Aliases: []string{
					operators + "s3_copy_object.S3CopyObjectOperator", contrib + "s3_copy_object_operator.S3CopyObjectOperator",
				},
				Doc:  "Copies an object within S3.",
				Args: slices.Concat(copyObjectArgs(), aws.Args()),
			},
			Run: copyObject,
		},
		{
			Spec: dag.OperatorSpec{
				Class: operators + "s3.S3DeleteObjectsOperator",
				Aliases: []string{
					operators + "s3_delete_objects.S3DeleteObjectsOperator", contrib + "s3_delete_objects_operator.S3DeleteObjectsOperator",
				},
				Doc:  "Deletes objects by key, or all of a prefix or of a time.",
				Args: slices.Concat(deleteObjectsArgs(), aws.Args()),
			},
			Run: deleteObjects,
		},
		{
			Spec: dag.OperatorSpec{
				Class: operators + "s3.S3FileTransformOperator",
				Aliases: []string{
					operators + "s3_file_transform.S3FileTransformOperator", "airflow.operators.s3_file_transform_operator.S3FileTransformOperator",
				},
				Doc:  "Runs a program on a local copy of an object, and uploads the file that it writes.",
				Args: slices.Concat(transformArgs(), aws.Args()),
			},
			Run: transform,
		},
	}
}

func listOperators() []task.Operator {
	return []task.Operator{
		{
			Spec: dag.OperatorSpec{
				Class:   operators + "s3.S3ListOperator",
				Aliases: []string{operators + "s3_list.S3ListOperator", contrib + "s3_list_operator.S3ListOperator"},
				Doc:     "Lists the keys of a bucket; they are the task's value.",
				Args:    slices.Concat(listArgs(), aws.Args()),
			},
			Run: list,
		},
		{
			Spec: dag.OperatorSpec{
				Class:   operators + "s3.S3ListPrefixesOperator",
				Aliases: []string{operators + "s3_list_prefixes.S3ListPrefixesOperator"},
				Doc:     "Lists the folders of a bucket below a prefix; they are the task's value.",
				Args:    slices.Concat(listPrefixesArgs(), aws.Args()),
			},
			Run: listPrefixes,
		},
	}
}

func sensorOperators() []task.Operator {
	return []task.Operator{
		{
			Spec: dag.OperatorSpec{
				Class:   sensors + "s3.S3KeySensor",
				Aliases: []string{sensors + "s3_key.S3KeySensor", "airflow.sensors.s3_key_sensor.S3KeySensor"},
				Doc:     "Waits until objects are there.",
				Kind:    dag.OperatorSensor,
				Args:    slices.Concat(keyArgs(), []dag.ArgSpec{sensor.Deferrable()}, aws.Args(), sensor.Args()),
			},
			Resumable: true,
			Run:       waitForKey,
		},
		{
			Spec: dag.OperatorSpec{
				Class:   sensors + "s3.S3KeysUnchangedSensor",
				Aliases: []string{sensors + "s3_keys_unchanged.S3KeysUnchangedSensor"},
				Doc:     "Waits until no object has come to a prefix for some time.",
				Kind:    dag.OperatorSensor,
				Args:    slices.Concat(unchangedArgs(), aws.Args(), sensor.Args()),
			},
			Resumable: true,
			Run:       waitForQuiet,
		},
	}
}

// session is S3 for one attempt.
type session struct {
	*aws.Account
	client *api.Client
}

// boto3 works with S3 without a region, and so do tasks here.
const anyRegion = "us-east-1"

func open(ctx context.Context, a *task.Attempt) (*session, error) {
	return openAs(ctx, a, aws.Names{Connection: "aws_conn_id", Verify: "verify"})
}

func openAs(ctx context.Context, a *task.Attempt, names aws.Names) (*session, error) {
	acc, err := aws.OpenAs(ctx, a, anyRegion, names)
	if err != nil {
		return nil, err
	}
	return &session{acc, api.NewFromConfig(acc.Config, func(o *api.Options) {
		acc.Endpoint("s3", &o.BaseEndpoint)
		o.UsePathStyle = acc.PathStyle || o.BaseEndpoint != nil
	})}, nil
}
