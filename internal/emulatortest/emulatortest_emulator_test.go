//go:build emulator

package emulatortest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/updraft-dev/updraft/internal/emulatortest"
)

// Each of them is what it is taken for: a table made at one of the DynamoDBs is there, and
// only there.
func TestEmulatorsAnswer(t *testing.T) {
	t.Parallel()
	clients := map[string]*dynamodb.Client{
		"LocalStack":     dynamodb.NewFromConfig(emulatortest.AWS(t)),
		"DynamoDB Local": dynamodb.NewFromConfig(emulatortest.DynamoDBLocal(t)),
		"the proxy":      dynamodb.NewFromConfig(emulatortest.Faults(t).Config),
	}
	table := emulatortest.Name(t)
	local := clients["DynamoDB Local"]
	if _, err := local.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	}); err != nil {
		t.Fatal(err)
	}
	emulatortest.Cleanup(t, "delete table "+table, func(ctx context.Context) error {
		_, err := local.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &table})
		return err
	})
	for name, client := range clients {
		_, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
		missing := new(types.ResourceNotFoundException)
		switch {
		case name == "DynamoDB Local" && err != nil:
			t.Errorf("%s: %v", name, err)
		case name != "DynamoDB Local" && !errors.As(err, &missing):
			t.Errorf("%s has the table of another: %v", name, err)
		}
	}
}

// Throttled and reset calls do nothing; one whose answer is cut off has been done.
func TestFaults(t *testing.T) {
	t.Parallel()
	proxy, bucket := emulatortest.Faults(t), emulatortest.Name(t)
	direct := s3.NewFromConfig(emulatortest.AWS(t), func(o *s3.Options) { o.UsePathStyle = true })
	client := s3.NewFromConfig(proxy.Config, func(o *s3.Options) { o.UsePathStyle, o.RetryMaxAttempts = true, 1 })
	if _, err := direct.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	emulatortest.Cleanup(t, "empty and delete bucket "+bucket, func(ctx context.Context) error {
		if _, err := direct.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: aws.String("key")}); err != nil {
			return err
		}
		_, err := direct.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket})
		return err
	})
	put := func() error {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("key"), Body: strings.NewReader("text")})
		return err
	}
	exists := func() bool {
		_, err := direct.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: aws.String("key")})
		return err == nil
	}
	for _, fault := range []emulatortest.Fault{{Code: "SlowDown"}, {Reset: true}} {
		fault.Service, fault.Operation, fault.Resource, fault.Times = "s3", "PutObject", bucket, 1
		injected := proxy.Inject(t, fault)
		if err := put(); err == nil || exists() {
			t.Errorf("%+v: error %v, done: %v", fault, err, exists())
		}
		if got := injected.Fired(t); got != 1 {
			t.Errorf("%+v: %d calls went wrong, want 1", fault, got)
		}
	}
	if err := put(); err != nil || !exists() {
		t.Errorf("a call without a fault: %v", err)
	}
}

func TestAnswerIsCutOffAfterTheWrite(t *testing.T) {
	t.Parallel()
	proxy, queue := emulatortest.Faults(t), emulatortest.Name(t)
	client := sqs.NewFromConfig(proxy.Config, func(o *sqs.Options) { o.RetryMaxAttempts = 1 })
	made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &queue})
	if err != nil {
		t.Fatal(err)
	}
	emulatortest.Cleanup(t, "delete queue "+queue, func(ctx context.Context) error {
		_, err := client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: made.QueueUrl})
		return err
	})
	proxy.Inject(t, emulatortest.Fault{Service: "sqs", Operation: "SendMessage", Resource: queue, Times: 1, CutOff: true})
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: made.QueueUrl, MessageBody: aws.String("once")}); err == nil {
		t.Error("the answer was not cut off")
	}
	got, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: made.QueueUrl, WaitTimeSeconds: 5})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Messages) != 1 {
		t.Errorf("%d messages were sent, want 1", len(got.Messages))
	}
}

func TestObjectStoresAnswer(t *testing.T) {
	t.Parallel()
	bucket := emulatortest.Name(t)
	client := s3.NewFromConfig(emulatortest.AWS(t), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	emulatortest.Cleanup(t, "delete bucket "+bucket, func(ctx context.Context) error {
		_, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket})
		return err
	})
	minio, gcs := emulatortest.MinIO(t), emulatortest.GCS(t)
	for _, url := range []string{minio.URL + "/minio/health/ready", gcs.URL + "/storage/v1/b?project=updraft"} {
		response, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", url, response.Status)
		}
	}
}
