package awsconf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Class is what an error of AWS means for who called.
type Class int

// The classes of errors.
const (
	// Unknown is any other error, and none.
	Unknown Class = iota
	// Throttled: there were too many requests, or AWS lacked the capacity, and the SDK's
	// retries have not helped. Later it works.
	Throttled
	// Denied: the credentials are good, and do not allow it.
	Denied
	// Credentials: there are none, or they have expired or are wrong.
	Credentials
	// NotFound: what was named is not there.
	NotFound
	// Network: AWS was not reached, or its answer was lost. What was asked for may have
	// been done.
	Network
	// Unavailable: AWS has a fault of its own. Later it works.
	Unavailable
	// Canceled: the caller's context ended.
	Canceled
)

func (c Class) String() string {
	switch c {
	case Throttled:
		return "throttled"
	case Denied:
		return "access denied"
	case Credentials:
		return "no valid credentials"
	case NotFound:
		return "not found"
	case Network:
		return "network"
	case Unavailable:
		return "service unavailable"
	case Canceled:
		return "canceled"
	default:
		return "unknown"
	}
}

// Remedy is one sentence that says what to do about it; empty if nobody knows.
func (c Class) Remedy() string {
	switch c {
	case Throttled:
		return "wait, lower the rate, or raise the limit that it names"
	case Denied:
		return "let the role or user do what it names, on the resource that it names"
	case Credentials:
		return "sign in again (aws sso login), or check AWS_PROFILE, the access keys, and the clock of this machine"
	case NotFound:
		return "check its name, AWS_REGION, and the account that the credentials belong to"
	case Network:
		return "check AWS_REGION, AWS_ENDPOINT_URL, the proxy and the network"
	case Unavailable:
		return "wait and try again; https://health.aws.amazon.com says what is going on"
	default:
		return ""
	}
}

// Temporary says that the same call may succeed later, with nothing changed.
func (c Class) Temporary() bool { return c == Throttled || c == Network || c == Unavailable }

// Classify says what an error of the SDK means.
func Classify(err error) Class {
	if err == nil {
		return Unknown
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		if c := byCode(api.ErrorCode()); c != Unknown {
			return c
		}
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) {
		if c := byStatus(answer.HTTPStatusCode()); c != Unknown {
			return c
		}
	}
	var canceled *smithy.CanceledError
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &canceled) {
		return Canceled
	}
	// The SDK has no type for it: its words are of aws/middleware and credentials.
	if text := err.Error(); strings.Contains(text, "get identity: ") || strings.Contains(text, "refresh cached") {
		return Credentials
	}
	var request *smithyhttp.RequestSendError
	var network net.Error
	if errors.As(err, &request) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) {
		return Network
	}
	return Unknown
}

// byCode classifies the codes that services give; a dotted one by its last part, as old
// services write "AWS.SimpleQueueService.NonExistentQueue".
func byCode(code string) Class {
	short := code[strings.LastIndexByte(code, '.')+1:]
	if _, ok := retry.DefaultThrottleErrorCodes[short]; ok && short != "LimitExceededException" {
		return Throttled
	}
	switch short {
	case "KmsThrottled", "OverLimit", "ThrottledException":
		return Throttled
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "AuthorizationErrorException",
		"KmsAccessDenied", "KMSAccessDeniedException", "AllAccessDisabled", "NotAuthorized", "OptInRequired":
		return Denied
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidToken", "TokenRefreshRequired", "UnrecognizedClientException",
		"InvalidClientTokenId", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature",
		"IncompleteSignatureException", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "RequestTimeTooSkewed",
		"AuthFailure", "InvalidSecurity":
		return Credentials
	case "ResourceNotFoundException", "ResourceNotFound", "NotFound", "NoSuchBucket", "NoSuchKey", "NoSuchUpload", "QueueDoesNotExist",
		"NonExistentQueue", "ParameterNotFound", "ClusterNotFoundException", "TaskNotFoundException":
		return NotFound
	case "InternalFailure", "InternalError", "InternalServerError", "InternalServiceError", "ServiceException", "ServiceUnavailable",
		"ServiceUnavailableException":
		return Unavailable
	}
	return Unknown
}

// byStatus classifies answers without a code that is known; a HEAD of S3 has none.
func byStatus(status int) Class {
	switch {
	case status == http.StatusTooManyRequests:
		return Throttled
	case status == http.StatusForbidden:
		return Denied
	case status == http.StatusUnauthorized:
		return Credentials
	case status == http.StatusNotFound:
		return NotFound
	case status >= http.StatusInternalServerError:
		return Unavailable
	}
	return Unknown
}

// Explain adds to an error of the SDK what it means and what to do, where that is known.
// It stays what it was for errors.Is and errors.As; nil stays nil.
func Explain(err error) error {
	c := Classify(err)
	remedy := c.Remedy()
	if remedy == "" {
		return err
	}
	return fmt.Errorf("%s: %w: %s", c, err, remedy)
}
