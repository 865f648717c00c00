package s3logs

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/updraft-dev/updraft/internal/awsconf"
	"github.com/updraft-dev/updraft/logs/objects"
)

// deleteError is what S3 says of one of several objects that it was to delete.
type deleteError struct{ e types.Error }

// Error implements error.
func (d *deleteError) Error() string {
	return fmt.Sprintf("delete %s: %s: %s", aws.ToString(d.e.Key), d.ErrorCode(), d.ErrorMessage())
}

// ErrorCode implements smithy.APIError.
func (d *deleteError) ErrorCode() string { return aws.ToString(d.e.Code) }

// ErrorMessage implements smithy.APIError.
func (d *deleteError) ErrorMessage() string { return aws.ToString(d.e.Message) }

// ErrorFault implements smithy.APIError.
func (d *deleteError) ErrorFault() smithy.ErrorFault { return smithy.FaultUnknown }

// code is what S3 calls an error.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// explain says what an error of S3 means; nil stays nil.
func (b *bucket) explain(err error) error {
	if err == nil {
		return nil
	}
	switch code(err) {
	case "NoSuchKey":
		return objects.ErrNotFound
	case "PreconditionFailed", "ConditionalRequestConflict":
		return objects.ErrCondition
	case "NoSuchBucket":
		return b.cause(objects.ErrNoBucket, "create it, or correct its name in the URL of logs", err)
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) {
		if region := elsewhere(answer, code(err)); region != "" {
			return b.cause(objects.ErrNoBucket, region, err)
		}
		if answer.HTTPStatusCode() == http.StatusPreconditionFailed {
			return objects.ErrCondition
		}
	}
	switch c := awsconf.Classify(err); c {
	case awsconf.NotFound: // a HEAD has no code
		return objects.ErrNotFound
	case awsconf.Denied:
		return b.cause(objects.ErrDenied, b.permissions(), err)
	case awsconf.Credentials:
		return b.cause(objects.ErrDenied, c.Remedy(), err)
	case awsconf.Throttled:
		return b.cause(objects.ErrBusy, "it is tried again later; spread the load over more prefixes if that goes on", err)
	case awsconf.Canceled:
		return err
	default:
		return fmt.Errorf("%s: %w", b.url(), awsconf.Explain(err))
	}
}

// elsewhere says what to do if an answer is that of a bucket in another region. Answers to
// a HEAD have no code of their own.
func elsewhere(answer *smithyhttp.ResponseError, code string) string {
	region := ""
	if answer.Response != nil {
		region = answer.Response.Header.Get("X-Amz-Bucket-Region")
	}
	status := answer.HTTPStatusCode()
	switch {
	case region != "" && (status == http.StatusMovedPermanently || status == http.StatusBadRequest && code == "BadRequest"),
		region != "" && code == "AuthorizationHeaderMalformed":
		return "it is in region " + region + ": add region=" + region + " to the URL of logs"
	case status == http.StatusMovedPermanently, code == "AuthorizationHeaderMalformed", code == "IllegalLocationConstraintException":
		return "it is in another region: add region=REGION to the URL of logs"
	}
	return ""
}

func (b *bucket) permissions() string {
	s := fmt.Sprintf("let the role do s3:GetObject, s3:PutObject and s3:DeleteObject on arn:aws:s3:::%s/* and s3:ListBucket on arn:aws:s3:::%s", b.name, b.name)
	if b.sse == types.ServerSideEncryptionAwsKms || b.sse == types.ServerSideEncryptionAwsKmsDsse {
		s += ", and kms:GenerateDataKey and kms:Decrypt on its key"
	}
	return s
}

func (b *bucket) cause(kind error, remedy string, err error) error {
	return &objects.Cause{Kind: kind, Bucket: b.url(), Remedy: remedy, Err: err}
}

func (b *bucket) url() string { return "s3://" + b.name }
