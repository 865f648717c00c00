// Package quiet is not looked into.
package quiet

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Delete deletes an item.
func Delete(ctx context.Context, db *dynamodb.Client) { _, _ = db.DeleteItem(ctx, nil) }
