//go:build emulator

package dynamostore_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/dynamostore"
	"github.com/updraft-dev/updraft/store/storetest"
)

// laidOut gives the runs of a suite a version that has a layout, and hides it again: the
// suite's own DAGs have bodies that are none.
type laidOut struct{ *dynamostore.Store }

const laidOutVersion = "with a layout"

func (l laidOut) Apply(ctx context.Context, batches ...store.Batch) (store.Result, error) {
	with := make([]store.Batch, len(batches))
	for i, b := range batches {
		if b.Create != nil && b.Create.Version == "" {
			r := *b.Create
			r.Version, b.Create = laidOutVersion, &r
		}
		with[i] = b
	}
	return l.Store.Apply(ctx, with...)
}

func hide(r *run.Run) {
	if r.Version == laidOutVersion {
		r.Version = ""
	}
}

func (l laidOut) Run(ctx context.Context, id run.ID, tasks ...string) (store.RunData, error) {
	d, err := l.Store.Run(ctx, id, tasks...)
	hide(&d.Run)
	return d, err
}

func (l laidOut) ListRuns(ctx context.Context, f store.RunFilter, p store.Page) (store.RunList, error) {
	list, err := l.Store.ListRuns(ctx, f, p)
	for i := range list.Items {
		hide(&list.Items[i])
	}
	return list, err
}

// TestConformanceWithLayout is TestConformance for runs that are stored by a layout, which
// knows some of the tasks.
func TestConformanceWithLayout(t *testing.T) {
	t.Parallel()
	url := endpoint(t, "UPDRAFT_TEST_DYNAMODB_LOCAL")
	storetest.Run(t, func(t testing.TB) storetest.Harness {
		s, cfg := newStore(t, dynamostore.Config{Endpoint: url, MaxItem: maxItem})
		order := []byte("\x00\x01a\x01\x01b\x01\x01m\x00\x02t1")
		for _, d := range []string{"d", "e", "d0", "d1"} {
			_, err := client(cfg).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &cfg.Table, Item: map[string]types.AttributeValue{
				"pk": &types.AttributeValueMemberS{Value: "dag#" + d}, "sk": &types.AttributeValueMemberS{Value: "l#with$`a$`layout"},
				"b": &types.AttributeValueMemberB{Value: order}}})
			if err != nil {
				t.Fatal(err)
			}
		}
		return storetest.Harness{Store: laidOut{s}, TooLarge: maxItem + 1, Remote: true}
	})
}
