package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/updraft-dev/updraft/store"
)

// TableSchema is what a table must be like. In an account the stack's template makes the
// table; a test compares the two.
type TableSchema struct {
	// PartitionKey and SortKey are the names of the key's attributes; both are strings.
	PartitionKey, SortKey string
	// Indexes are the names of secondary indexes: none, as each would be one more write of
	// every item, and answers later than its table.
	Indexes []string
	// TTL is the attribute that says when an item may be removed, in seconds since 1970.
	TTL string
	// Billing is how the table is paid for.
	Billing string
}

// Schema returns the schema of this release.
func Schema() TableSchema {
	return TableSchema{PartitionKey: attrPK, SortKey: attrSK, TTL: attrTTL, Billing: string(types.BillingModePayPerRequest)}
}

// TableOptions are the choices for a new table.
type TableOptions struct {
	// Protected refuses the deletion of the table, and keeps a backup of every second of
	// the last 35 days.
	Protected bool
}

// CreateTable makes the table and waits until it can be used; ErrExists if it is there.
// It is for local use and tests: in an account the template makes it.
func (s *Store) CreateTable(ctx context.Context, o TableOptions) error {
	doing := fmt.Sprintf("creating table %q", s.cfg.Table)
	schema := Schema()
	_, err := s.db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &s.cfg.Table,
		KeySchema: []types.KeySchemaElement{
			{AttributeName: &schema.PartitionKey, KeyType: types.KeyTypeHash},
			{AttributeName: &schema.SortKey, KeyType: types.KeyTypeRange},
		},
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: &schema.PartitionKey, AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: &schema.SortKey, AttributeType: types.ScalarAttributeTypeS},
		},
		BillingMode:               types.BillingMode(schema.Billing),
		DeletionProtectionEnabled: aws.Bool(o.Protected),
	})
	var used *types.ResourceInUseException
	if errors.As(err, &used) {
		return fmt.Errorf("%s: %w", doing, store.ErrExists)
	}
	if err != nil {
		return s.explain(doing, err)
	}
	wait := dynamodb.NewTableExistsWaiter(s.db, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second
	})
	if err := wait.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &s.cfg.Table}, 2*time.Minute); err != nil {
		return s.explain(doing, err)
	}
	_, err = s.db.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               &s.cfg.Table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &schema.TTL, Enabled: aws.Bool(true)},
	})
	if err == nil && o.Protected {
		_, err = s.db.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
			TableName: &s.cfg.Table,
			PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{
				PointInTimeRecoveryEnabled: aws.Bool(true)},
		})
	}
	return s.explain(doing, err)
}
