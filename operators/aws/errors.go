package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// Failed says what an error of a service means: with the cause of the failure, and for
// faults of configuration with what to do. What is what was being done. None of them is
// final: rights and resources come into being late, and Airflow tries again as well.
func (c *Account) Failed(what string, err error) error {
	if err == nil {
		return nil
	}
	cause, text := c.judge(err)
	err = &told{what + ": " + text, err}
	if cause == "" {
		return err
	}
	return &task.CauseError{Cause: cause, Err: err}
}

// told is an error with a text for people.
type told struct {
	text string
	err  error
}

func (t *told) Error() string { return t.text }
func (t *told) Unwrap() error { return t.err }

// Code is the service's code of an error; empty when the service did not answer.
func Code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// IsAbsent says that an error is about something that does not exist.
func IsAbsent(err error) bool {
	code := Code(err)
	return slices.Contains(absent(), code) || strings.HasSuffix(code, "NotFoundException") || strings.HasSuffix(code, "NotFound")
}

// judge returns the cause of an error (empty for the task's own) and says it in words.
func (c *Account) judge(err error) (run.Cause, string) {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return c.judgeUnanswered(err)
	}
	code := api.ErrorCode()
	text := code
	if m := strings.TrimRight(api.ErrorMessage(), "."); m != "" && m != code {
		text += ": " + m
	}
	_, throttled := retry.DefaultThrottleErrorCodes[code]
	switch {
	case throttled || code == "SlowDown" || code == "OverLimit":
		return run.CauseInfra, text
	case slices.Contains(denied(), code) || status(err) == http.StatusForbidden && code == "Forbidden":
		return run.CauseConfig, fmt.Sprintf("%s: allow %s to what %s acts as", text, action(err), c.name())
	case slices.Contains(invalidKeys(), code):
		return run.CauseConfig, fmt.Sprintf("%s: renew the keys of %s", text, c.name())
	case slices.Contains(quotas(), code):
		return run.CauseQuota, text
	case IsAbsent(err):
		return run.CauseConfig, fmt.Sprintf("%s: check the name, the region (%s) and the account of %s", text, c.Config.Region, c.name())
	case api.ErrorFault() == smithy.FaultServer || status(err) >= http.StatusInternalServerError:
		return run.CauseInfra, text
	default:
		return "", text
	}
}

// judgeUnanswered is judge for errors before an answer.
func (c *Account) judgeUnanswered(err error) (run.Cause, string) {
	text := shorten(err)
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return "", text
	case strings.Contains(text, "get credentials") || strings.Contains(text, "retrieve credentials") || strings.Contains(text, "get identity"):
		const remedy = "add a connection with login and password, or give the worker a role, a profile or AWS_ACCESS_KEY_ID"
		return run.CauseConfig, fmt.Sprintf("no credentials for %s (%s): %s", c.name(), text, remedy)
	}
	return "", text
}

// shorten leaves away what the SDK writes before the matter itself.
func shorten(err error) string {
	var op *smithy.OperationError
	if errors.As(err, &op) {
		err = op.Err
	}
	var attempts *retry.MaxAttemptsError
	if errors.As(err, &attempts) {
		err = attempts.Err
	}
	return err.Error()
}

func (c *Account) name() string { return accountName(c.id, c.found) }

func status(err error) int {
	var r *awshttp.ResponseError
	if errors.As(err, &r) {
		return r.HTTPStatusCode()
	}
	return 0
}

// action is the right that a call needs, as policies write it.
func action(err error) string {
	var op *smithy.OperationError
	if !errors.As(err, &op) {
		return "it"
	}
	service := strings.ToLower(op.Service())
	switch service {
	case "cloudwatch logs":
		service = "logs"
	case "eventbridge":
		service = "events"
	}
	return service + ":" + op.Operation()
}

// denied are the codes of a missing right.
func denied() []string {
	return []string{"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "KMSAccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "AllAccessDisabled"}
}

// invalidKeys are the codes of keys that are wrong or have expired.
func invalidKeys() []string {
	return []string{
		"ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException", "MissingAuthenticationToken",
		"RequestExpired", "SignatureDoesNotMatch", "UnrecognizedClientException", "IncompleteSignature", "InvalidToken",
	}
}

// quotas are the codes of an exhausted quota that waiting a moment does not free.
func quotas() []string {
	return []string{"ServiceQuotaExceededException", "TooManyBuckets", "KMSThrottlingException"}
}

// absent are the codes of what does not exist that do not end in NotFound.
func absent() []string {
	return []string{
		"NoSuchBucket", "NoSuchKey", "NoSuchVersion", "NoSuchUpload", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "NotFoundException",
	}
}
