//go:build emulator

package dynamostore_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/dynamostore"
	"github.com/updraft-dev/updraft/store/storetest"
)

const maxItem = 1 << 20

// endpoint is the address of a server that speaks for DynamoDB, by the variable that has it.
func endpoint(t testing.TB, variable string) string {
	t.Helper()
	url := os.Getenv(variable)
	if url == "" {
		t.Fatalf("%s is not set: start the emulators and read their addresses (localstack/up, .local/env)", variable)
	}
	return url
}

var tables atomic.Int64

// newStore makes a table of its own, and removes it at the end.
func newStore(t testing.TB, cfg dynamostore.Config) (*dynamostore.Store, dynamostore.Config) {
	t.Helper()
	cfg.Table = fmt.Sprintf("t%d-%d", os.Getpid(), tables.Add(1))
	s, err := dynamostore.Open(t.Context(), awsConfig(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateTable(t.Context(), dynamostore.TableOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := client(cfg).DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &cfg.Table}); err != nil {
			t.Errorf("removing table %s: %v", cfg.Table, err)
		}
	})
	return s, cfg
}

func client(cfg dynamostore.Config) *dynamodb.Client {
	return dynamodb.NewFromConfig(awsConfig(), func(o *dynamodb.Options) { o.BaseEndpoint = &cfg.Endpoint })
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, variable := range map[string]string{"DynamoDB Local": "UPDRAFT_TEST_DYNAMODB_LOCAL", "LocalStack": "AWS_ENDPOINT_URL"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := endpoint(t, variable)
			storetest.Run(t, func(t testing.TB) storetest.Harness {
				s, cfg := newStore(t, dynamostore.Config{Endpoint: url, MaxItem: maxItem})
				reopen := func(t testing.TB) store.Store {
					s, err := dynamostore.Open(t.Context(), awsConfig(), cfg)
					if err != nil {
						t.Fatal(err)
					}
					return s
				}
				return storetest.Harness{Store: s, TooLarge: maxItem + 1, Remote: true, Reopen: reopen,
					Damage: func(t testing.TB, item storetest.Item) { damage(t, cfg, item) }}
			})
		})
	}
}

// damage writes what no release could have written.
func damage(t testing.TB, cfg dynamostore.Config, item storetest.Item) {
	t.Helper()
	db := client(cfg)
	out, err := db.Scan(t.Context(), &dynamodb.ScanInput{TableName: &cfg.Table})
	if err != nil {
		t.Fatal(err)
	}
	runKey := "run#" + item.Key.DAG + "#" + item.Key.Run
	for _, it := range out.Items {
		pk, sk := it["pk"].(*types.AttributeValueMemberS).Value, it["sk"].(*types.AttributeValueMemberS).Value
		attr := ""
		switch item.Kind {
		case storetest.ItemInstance:
			if name := ":" + item.Key.Task; it[name] != nil && pk == runKey {
				attr = name
			}
		case storetest.ItemRun:
			if pk == runKey && sk == "m" {
				attr = "b"
			}
		case storetest.ItemDAGState:
			if pk == "dags" && sk == item.Key.DAG {
				attr = "s"
			}
		}
		if attr != "" {
			it[attr] = &types.AttributeValueMemberB{Value: []byte{2, 255, 1}}
			if _, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &cfg.Table, Item: it}); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("there is no item %+v", item)
}
