package cloud

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/updraft-dev/updraft/embedded"
)

// Processor returns the function that reads DAG files. S3 calls it when objects of a bucket
// have changed, and EventBridge now and then, in case word of a change was lost. What an
// event says is only a hint: the bucket itself says what is there.
func Processor(f *embedded.Function, bucket string) Handler {
	return func(ctx context.Context, inv embedded.Invocation, event json.RawMessage) (any, error) {
		var e struct {
			events.S3Event
			Source string `json:"source"`
			// Event is what S3 says once, when somebody sets the notification up.
			Event string `json:"Event"`
		}
		if err := json.Unmarshal(event, &e); err != nil {
			return nil, refusal(event, err.Error())
		}
		switch {
		case e.Source == "aws.events" || e.Source == "aws.scheduler" || e.Event == "s3:TestEvent":
		case len(e.Records) == 0:
			return nil, refusal(event, "it is no tick of EventBridge and no word of S3")
		default:
			for _, r := range e.Records {
				if r.EventSource != "aws:s3" || r.S3.Bucket.Name != bucket {
					return nil, refusal(event, fmt.Sprintf("it is about bucket %q of %q, DAG files are in %q", r.S3.Bucket.Name, r.EventSource, bucket))
				}
			}
		}
		return nil, f.Process(ctx, inv)
	}
}
