package awsconf

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/aws/smithy-go"
	smithymiddleware "github.com/aws/smithy-go/middleware"
)

// retryMore has the SDK try again what it gives up by itself: an answer that was cut off,
// which it takes for one that it cannot read (the call may have been done then, as when a
// connection ends before the answer), or whose connection net/http closed itself, because the
// SDK closed the body of the request before it was seen to be sent whole; and throttling
// whose code has an old service's prefix, such as AWS.SimpleQueueService.RequestThrottled.
func retryMore(s *stack) error {
	return s.Deserialize.Add(smithymiddleware.DeserializeMiddlewareFunc("UpdraftRetryMore", func(
		ctx context.Context, in smithymiddleware.DeserializeInput, next smithymiddleware.DeserializeHandler,
	) (smithymiddleware.DeserializeOutput, smithymiddleware.Metadata, error) {
		out, meta, err := next.HandleDeserialize(ctx, in)
		var api smithy.APIError
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &api) && byCode(api.ErrorCode()) == Throttled {
			err = retryableError{err}
		}
		return out, meta, err
	}), smithymiddleware.Before)
}

// retryableError is an error that the SDK tries again.
type retryableError struct{ error }

func (e retryableError) Unwrap() error { return e.error }

// RetryableError is what the SDK asks.
func (retryableError) RetryableError() bool { return true }
