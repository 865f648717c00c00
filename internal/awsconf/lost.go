package awsconf

import (
	"context"
	"errors"
	"io"

	smithy "github.com/aws/smithy-go/middleware"
)

// retryLost has answers that were cut off tried again. The SDK does so with connections that
// end before an answer has begun, and takes one that ends within it for an answer that it
// cannot read. In both cases the call may have been done.
func retryLost(s *stack) error {
	return s.Deserialize.Add(smithy.DeserializeMiddlewareFunc("UpdraftLostAnswer", func(
		ctx context.Context, in smithy.DeserializeInput, next smithy.DeserializeHandler,
	) (smithy.DeserializeOutput, smithy.Metadata, error) {
		out, meta, err := next.HandleDeserialize(ctx, in)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = lostError{err}
		}
		return out, meta, err
	}), smithy.Before)
}

// lostError is an answer that was cut off.
type lostError struct{ error }

func (e lostError) Unwrap() error { return e.error }

// RetryableError tells the SDK that another attempt may succeed.
func (lostError) RetryableError() bool { return true }
