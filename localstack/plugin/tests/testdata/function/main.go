// Command function does what its event says: the ways in which functions go well and wrong.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// event is an order, or a batch of messages whose bodies are orders.
type event struct {
	Do      string
	N       int
	Records []struct {
		MessageID  string `json:"messageId"`
		Body       string
		Attributes map[string]string
	}
}

// ticks counts tenths of a second since the first "background".
var ticks atomic.Int64

func handle(ctx context.Context, e event) (any, error) {
	if e.Records != nil {
		return batch(e)
	}
	deadline, _ := ctx.Deadline()
	switch e.Do {
	case "error":
		return nil, errors.New("asked to fail")
	case "panic":
		panic("asked to panic")
	case "exit":
		os.Exit(e.N)
	case "kill":
		return nil, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "sleep":
		time.Sleep(time.Duration(e.N) * time.Millisecond)
	case "log":
		for i := range e.N {
			fmt.Println("line", i, "of a lot of output")
		}
	case "memory":
		take(e.N)
	case "answer":
		return strings.Repeat("x", e.N), nil
	case "background":
		if ticks.Load() == 0 {
			go func() {
				for range time.Tick(100 * time.Millisecond) {
					ticks.Add(1)
				}
			}()
		}
		return ticks.Load(), nil
	}
	return map[string]any{
		"pid": os.Getpid(), "region": os.Getenv("AWS_REGION"), "extra": os.Getenv("EXTRA"), "own": os.Getenv("OWN"),
		"left": time.Until(deadline).Seconds(),
	}, nil
}

// take uses so many megabytes.
func take(megabytes int) {
	var all [][]byte
	for range megabytes {
		b := make([]byte, 1<<20)
		for i := range b {
			b[i] = byte(i)
		}
		all = append(all, b)
	}
	fmt.Fprintln(io.Discard, all[0][0])
}

// batch writes down which messages came when, and fails those that say so.
func batch(e event) (any, error) {
	failed := []map[string]string{}
	for _, r := range e.Records {
		var order event
		if err := json.Unmarshal([]byte(r.Body), &order); err != nil {
			return nil, err
		}
		began := time.Now()
		time.Sleep(time.Duration(order.N) * time.Millisecond)
		note(map[string]any{
			"body": r.Body, "received": r.Attributes["ApproximateReceiveCount"], "batch": len(e.Records),
			"began": float64(began.UnixMicro()) / 1e6, "ended": float64(time.Now().UnixMicro()) / 1e6,
		})
		switch order.Do {
		case "poison":
			failed = append(failed, map[string]string{"itemIdentifier": r.MessageID})
		case "error":
			return nil, errors.New("asked to fail")
		case "null":
			failed = nil
		}
	}
	return map[string]any{"batchItemFailures": failed}, nil
}

// note adds a line to the file of the test.
func note(line map[string]any) {
	f, err := os.OpenFile(os.Getenv("NOTES"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	if err := json.NewEncoder(f).Encode(line); err != nil {
		log.Fatal(err)
	}
}

func main() {
	switch os.Getenv("INIT") {
	case "exit":
		os.Exit(4)
	case "hang":
		time.Sleep(time.Hour)
	}
	if path := os.Getenv("SIGTERM"); path != "" {
		lambda.StartWithOptions(handle, lambda.WithEnableSIGTERM(func() {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				log.Print(err)
			}
		}))
	}
	lambda.Start(handle)
}
