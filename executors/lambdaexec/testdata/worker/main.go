// Command worker stands for the worker function: it shares its attempts out, and does what
// the task of its own is called.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/updraft-dev/updraft/executors/lambdaexec"
	"github.com/updraft-dev/updraft/executors/lambdaexec/lambdaevent"
	"github.com/updraft-dev/updraft/queue"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	x, err := lambdaexec.Open(lambdaexec.Config{AWS: cfg, Functions: []lambdaexec.Function{{Name: lambdacontext.FunctionName, Memory: 128 << 20}}, Fan: 3})
	if err != nil {
		log.Fatal(err)
	}
	results := sqs.NewFromConfig(cfg)
	lambda.Start(func(ctx context.Context, event json.RawMessage) error {
		list, err := lambdaevent.Decode(event)
		if err != nil {
			return err
		}
		call, _ := lambdacontext.FromContext(ctx)
		own, err := x.Share(ctx, call.InvokedFunctionArn, list)
		if err != nil {
			return err
		}
		switch own.Attempt.Task {
		case "exit":
			os.Exit(2)
		case "fail":
			return errors.New("the store is out of reach")
		case "hang":
			<-time.After(time.Hour)
		}
		body, err := queue.Encode(own)
		if err != nil {
			return err
		}
		_, err = results.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(os.Getenv("RESULTS")), MessageBody: aws.String(string(body))})
		return err
	})
}
