// Command program calls AWS in every way that deploy-check has to find, and has ways to call
// it that it never takes.
package main

import (
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/updraft-dev/updraft/internal/deploycheck/testdata/program/quiet"
)

// sender is called by way of an interface.
type sender interface{ send(context.Context) }

type queue struct{ c *sqs.Client }

func (q queue) send(ctx context.Context) { _, _ = q.c.SendMessage(ctx, nil) }

// receive is a method that nobody calls.
func (q queue) receive(ctx context.Context) { _, _ = q.c.ReceiveMessage(ctx, nil) }

// unused is a sender that nobody makes.
type unused struct{ c *sqs.Client }

func (u unused) send(ctx context.Context) { _, _ = u.c.PurgeQueue(ctx, nil) }

// client is an interface that a client of the SDK is put into.
type client interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// handler is called by another module.
type handler struct{ c *s3.Client }

func (h handler) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	_, _ = h.c.GetObject(r.Context(), nil)
}

// each is generic.
func each[T any](all []T, do func(T)) {
	for _, t := range all {
		do(t)
	}
}

// table has functions as values.
var table = map[string]func(context.Context, *secretsmanager.Client){
	"get": func(ctx context.Context, c *secretsmanager.Client) { _, _ = c.GetSecretValue(ctx, nil) },
}

func main() {
	ctx, cfg := context.Background(), aws.Config{}
	var s sender = queue{sqs.NewFromConfig(cfg)}
	s.send(ctx)
	var c client = lambda.NewFromConfig(cfg)
	_, _ = c.Invoke(ctx, nil)
	var once sync.Once
	db := dynamodb.NewFromConfig(cfg)
	once.Do(func() {
		_, _ = db.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Update: &types.Update{}}}})
	})
	each([]string{"t"}, func(string) { _, _ = db.GetItem(ctx, nil) })
	_ = ecs.NewListTasksPaginator(ecs.NewFromConfig(cfg), nil)
	_ = http.ListenAndServe("", handler{s3.NewFromConfig(cfg)})
	table["get"](ctx, secretsmanager.NewFromConfig(cfg))
	quiet.Delete(ctx, db)
	_, _ = io.WriteString(io.Discard, "")
}
