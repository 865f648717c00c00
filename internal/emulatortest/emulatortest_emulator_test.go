//go:build emulator

package emulatortest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/updraft-dev/updraft/internal/emulatortest"
)

// Each of them is what it is taken for: a table made at one of the DynamoDBs is there, and
// only there.
func TestEmulatorsAnswer(t *testing.T) {
	t.Parallel()
	faulty, _ := emulatortest.Faults(t)
	clients := map[string]*dynamodb.Client{
		"LocalStack":     dynamodb.NewFromConfig(emulatortest.AWS(t)),
		"DynamoDB Local": dynamodb.NewFromConfig(emulatortest.DynamoDBLocal(t)),
		"the proxy":      dynamodb.NewFromConfig(faulty),
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
