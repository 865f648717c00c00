package sqsqueue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/updraft-dev/updraft/internal/awsconf"
	"github.com/updraft-dev/updraft/queue"
)

// explain is explain of a call of the driver: that it was closed, or that its caller's
// context has ended, is what counts.
func (d *driver) explain(ctx context.Context, doing string, err error) error {
	if errors.Is(context.Cause(ctx), queue.ErrClosed) {
		return queue.ErrClosed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return explain(doing, err)
}

// explain says what an error of SQS means, and what to do.
func explain(doing string, err error) error {
	if doing != "" {
		doing += ": "
	}
	var e smithy.APIError
	if errors.As(err, &e) {
		code, message := e.ErrorCode(), e.ErrorMessage()
		switch code = code[strings.LastIndexByte(code, '.')+1:]; {
		case code == "MessageNotInflight", code == "ReceiptHandleIsInvalid", strings.Contains(message, "not available for visibility timeout change"):
			return fmt.Errorf("%s%w: %w", doing, queue.ErrLost, err)
		case strings.Contains(message, "Total VisibilityTimeout"):
			return fmt.Errorf("%s%w: a delivery is hidden for %s at most, counted from its receipt", doing, err, queue.MaxVisibility)
		case code == "BatchRequestTooLong", strings.Contains(message, "must be shorter than"):
			return fmt.Errorf("%s%w: %w: raise MaximumMessageSize of the queue to %d", doing, queue.ErrTooLarge, err, sizeLimit)
		case code == "QueueDoesNotExist", code == "NonExistentQueue":
			return fmt.Errorf("%squeue is not there: %w: deploy the stack that makes it, or check its name, AWS_REGION and the account", doing, err)
		case code == "OverLimit":
			return fmt.Errorf("%stoo many deliveries are in flight: %w: delete what is done, or use more queues", doing, err)
		case code == "PurgeQueueInProgress":
			return fmt.Errorf("%s%w: SQS purges a queue once in 60 seconds: wait", doing, err)
		}
	}
	return fmt.Errorf("%s%w", doing, awsconf.Explain(err))
}

// groupRefused says that SQS does not take groups in standard queues here.
func groupRefused(err error) bool {
	var e smithy.APIError
	return errors.As(err, &e) && strings.Contains(e.ErrorMessage(), "MessageGroupId")
}

// groupLimit is the length of a MessageGroupId, whose characters are ASCII without spaces.
const groupLimit = 128

// group is the MessageGroupId of a DAG: its id where that is one, or else a digest.
func group(dag string) string {
	odd := strings.ContainsFunc(dag, func(r rune) bool { return r <= ' ' || r > '~' })
	if !odd && len(dag) <= groupLimit {
		return dag
	}
	sum := sha256.Sum256([]byte(dag))
	return hex.EncodeToString(sum[:])
}
