//go:build emulator

package awsconf_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/updraft-dev/updraft/internal/awsconf"
	"github.com/updraft-dev/updraft/internal/emulatortest"
)

// TestEmulatorMeterOfTables: what DynamoDB says is what its price list says.
func TestEmulatorMeterOfTables(t *testing.T) {
	t.Parallel()
	var m awsconf.Meter
	db := dynamodb.NewFromConfig(awsconf.WithMeter(emulatortest.DynamoDBLocal(t), &m))
	name := emulatortest.Name(t)
	_, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: dbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []dbtypes.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: dbtypes.ScalarAttributeTypeS}},
		KeySchema:            []dbtypes.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: dbtypes.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
	emulatortest.Cleanup(t, "delete table "+name, func(ctx context.Context) error {
		_, err := db.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name})
		return err
	})
	m.Reset()
	item := key("a")
	item["body"] = &dbtypes.AttributeValueMemberS{Value: strings.Repeat("x", 2500)}
	total := dbtypes.ReturnConsumedCapacityTotal
	if _, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: item, ReturnConsumedCapacity: total}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &name, Key: key("a"), ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: total}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []dbtypes.TransactWriteItem{{Put: &dbtypes.Put{TableName: &name, Item: key("b")}}}, ReturnConsumedCapacity: total}); err != nil {
		t.Fatal(err)
	}
	_, err = db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: item, ConditionExpression: aws.String("attribute_not_exists(id)"), ReturnConsumedCapacity: total})
	if err == nil {
		t.Error("a condition that did not hold is no error")
	}
	got := m.Snapshot()
	if p := got.Prices(); p.WriteUnits != 3+2 || p.ReadUnits != 1 || got.Total().Refused != 1 {
		t.Errorf("counted %+v in\n%s", p, got)
	}
}

func TestEmulatorMeterOfBuckets(t *testing.T) {
	t.Parallel()
	var m awsconf.Meter
	c := s3.NewFromConfig(awsconf.WithMeter(emulatortest.AWS(t), &m), func(o *s3.Options) { o.UsePathStyle = true })
	name := emulatortest.Name(t)
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	emulatortest.Cleanup(t, "delete bucket "+name, func(ctx context.Context) error {
		if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &name, Key: &name}); err != nil {
			return err
		}
		_, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &name})
		return err
	})
	m.Reset()
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &name, Key: &name, Body: strings.NewReader("x")}); err != nil {
		t.Fatal(err)
	}
	_, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &name, Key: aws.String("missing")})
	if awsconf.Classify(err) != awsconf.NotFound {
		t.Errorf("an object that is not there: %v", err)
	}
	if got, want := m.Snapshot().Prices(), (awsconf.Prices{Puts: 1, Gets: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
