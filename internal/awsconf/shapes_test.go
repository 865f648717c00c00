package awsconf_test

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	dbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func key(id string) map[string]dbtypes.AttributeValue {
	return map[string]dbtypes.AttributeValue{"id": &dbtypes.AttributeValueMemberS{Value: id}}
}

func deletes(table *string, keys ...map[string]dbtypes.AttributeValue) (out []dbtypes.TransactWriteItem) {
	for _, k := range keys {
		out = append(out, dbtypes.TransactWriteItem{Delete: &dbtypes.Delete{TableName: table, Key: k}})
	}
	return out
}

func entries(bodies ...string) (out []types.SendMessageBatchRequestEntry) {
	for i, b := range bodies {
		out = append(out, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(b)})
	}
	return out
}
