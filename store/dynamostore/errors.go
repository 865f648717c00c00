package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/updraft-dev/updraft/store"
)

// explain adds what the operation was, and for errors that somebody can do something
// about, what to do.
func (s *Store) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, remedy(s.cfg.Table, err))
}

// remedy rewrites DynamoDB's error about a table. The SDK has tried again by then what is
// worth it.
func remedy(table string, err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err
	}
	switch code := api.ErrorCode(); {
	case code == "ResourceNotFoundException":
		return fmt.Errorf("table %q is not there in this region and account: deploy the stack, or name the table "+
			"and region that it is in (dynamodb://TABLE?region=REGION): %w", table, err)
	case code == "ExpiredTokenException" || code == "ExpiredToken":
		return fmt.Errorf("the AWS credentials have expired: sign in again (aws sso login) and repeat this: %w", err)
	case code == "UnrecognizedClientException" || code == "InvalidSignatureException" ||
		code == "InvalidClientTokenId" || code == "MissingAuthenticationTokenException":
		return fmt.Errorf("AWS does not accept the credentials: check profile, keys and the clock of this machine: %w", err)
	case code == "AccessDeniedException":
		return fmt.Errorf("the AWS credentials may not do this with table %q: give their role the policy of the "+
			"stack's scheduler or worker: %w", table, err)
	case code == "ProvisionedThroughputExceededException" || code == "ThrottlingException" ||
		code == "RequestLimitExceeded":
		return fmt.Errorf("DynamoDB throttles table %q, also after several trials: try again later; if it stays so, raise the "+
			"table's maximum throughput, or spread the work over more runs: %w", table, err)
	case tooLarge(err, code):
		return fmt.Errorf("%w: an item of table %q would be above DynamoDB's limit of 400 KB: %w", store.ErrTooLarge, table, err)
	case conflicts(err):
		return fmt.Errorf("%w: others write the same items of table %q all the time: try again: %w", store.ErrConflict, table, err)
	}
	return err
}

func tooLarge(err error, code string) bool {
	return code == "ItemCollectionSizeLimitExceededException" ||
		strings.Contains(err.Error(), "tem size") && strings.Contains(err.Error(), "exceeded")
}

// conflicts says that a write met a transaction on the same item. Nothing was written,
// and the SDK does not try again by itself.
func conflicts(err error) bool {
	var conflict *types.TransactionConflictException
	if errors.As(err, &conflict) {
		return true
	}
	var progress *types.TransactionInProgressException
	if errors.As(err, &progress) {
		return true
	}
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		return false
	}
	for _, r := range cancelled.CancellationReasons {
		if r.Code != nil && *r.Code == "TransactionConflict" {
			return true
		}
	}
	return false
}

// throttled says that a transaction was cancelled for want of throughput, which the SDK
// does not see in the reasons.
func throttled(err error) bool {
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		return false
	}
	for _, r := range cancelled.CancellationReasons {
		if r.Code != nil && (*r.Code == "ThrottlingError" || *r.Code == "ProvisionedThroughputExceeded") {
			return true
		}
	}
	return false
}

// refusal returns what was stored when a condition was not met: an item for each of the
// operations, nil where the condition holds or nothing is there.
func refusal(err error) (old []item, refused bool) {
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		return []item{failed.Item}, true
	}
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		return nil, false
	}
	for _, r := range cancelled.CancellationReasons {
		old = append(old, r.Item)
		refused = refused || r.Code != nil && *r.Code == "ConditionalCheckFailed"
	}
	return old, refused
}

// damaged names a stored item that cannot be read.
func damaged(what string, err error) error {
	return fmt.Errorf("%s: %w: %w", what, store.ErrCorrupt, err)
}
