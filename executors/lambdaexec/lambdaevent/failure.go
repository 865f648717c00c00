package lambdaevent

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/run"
)

// maxRecord bounds a record: it has the payload in it, and the answer.
const maxRecord = 2 * MaxPayload

// Failure is an asynchronous invocation that Lambda has given up.
type Failure struct {
	// Attempts are those of its event. The first is the one that it kept, and has perhaps
	// claimed; the others it has perhaps not sent on.
	Attempts []run.Attempt
	// Worker is the name in the claims that it has made (WorkerName), of these attempts or
	// of what followed from them. The failure is that of what is still claimed so.
	Worker string
	// Started says that the function was started. If not, the attempts are as they were.
	Started bool
	At      time.Time
	// Cause and ExitCode belong to a report; Reason is one sentence for people.
	Cause    run.Cause
	ExitCode int
	Reason   string
}

// record is what Lambda sends to the destination of failures of a function
// (developer guide, "Capturing records of Lambda asynchronous invocations").
type record struct {
	Version   string    `json:"version"`
	Timestamp time.Time `json:"timestamp"`
	Context   struct {
		RequestID   string `json:"requestId"`
		FunctionARN string `json:"functionArn"`
		Condition   string `json:"condition"`
		Invokes     int    `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	Request  json.RawMessage `json:"requestPayload"`
	Response *struct {
		Error string `json:"functionError"`
	} `json:"responseContext"`
	Answer json.RawMessage `json:"responsePayload"`
}

// answer is what a function that fails has as its result.
type answer struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

// DecodeFailure reads the record of an asynchronous invocation that failed, as it comes to
// a queue or a function, or in an event of EventBridge. Records of invocations that were
// about something else than attempts are errors, and so are successes.
func DecodeFailure(b []byte) (Failure, error) {
	if len(b) > maxRecord {
		return Failure{}, fmt.Errorf("decode a failure: %d bytes, of %d", len(b), maxRecord)
	}
	var bus struct {
		DetailType string          `json:"detail-type"`
		Detail     json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal(b, &bus); err != nil {
		return Failure{}, errors.New("decode a failure: it is not a JSON object")
	}
	if bus.DetailType != "" {
		b = bus.Detail
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return Failure{}, fmt.Errorf("decode a failure: %w", err)
	}
	switch {
	case r.Version == "":
		return Failure{}, errors.New("decode a failure: it has no version")
	case !strings.HasPrefix(r.Version, "1."):
		return Failure{}, fmt.Errorf("decode a failure: version %.20q is not known", r.Version)
	case r.Context.RequestID == "" || r.Context.FunctionARN == "":
		return Failure{}, errors.New("decode a failure: it names no invocation")
	}
	list, err := Decode(r.Request)
	if err != nil {
		return Failure{}, fmt.Errorf("decode a failure: its payload: %w", err)
	}
	function := functionName(r.Context.FunctionARN)
	f := Failure{Worker: WorkerName(function, r.Context.RequestID), At: r.Timestamp}
	for _, e := range list {
		f.Attempts = append(f.Attempts, e.Attempt)
	}
	if err := f.judge(&r, function); err != nil {
		return Failure{}, err
	}
	return f, nil
}

// judge finds the cause.
func (f *Failure) judge(r *record, function string) error {
	switch r.Context.Condition {
	case "RetriesExhausted":
	case "EventAgeExceeded":
		f.Cause = run.CauseInfra
		f.Reason = fmt.Sprintf("Lambda had no room for function %s for too long: raise its reserved concurrency or the account's, or lower the pool", function)
		return nil
	case "ZeroReservedConcurrency":
		f.Cause = run.CauseInfra
		f.Reason = fmt.Sprintf("function %s is switched off (its reserved concurrency is 0): raise that", function)
		return nil
	default:
		return fmt.Errorf("decode a failure: condition %.40q is not known", r.Context.Condition)
	}
	f.Started = true
	var a answer
	if json.Unmarshal(r.Answer, &a) != nil { // its answer may be anything
		a = answer{}
	}
	f.Cause, f.ExitCode, f.Reason = judgeAnswer(a, function)
	return nil
}

// functionName is the name in the ARN of a function, a version or an alias:
// arn:aws:lambda:REGION:ACCOUNT:function:NAME:QUALIFIER.
func functionName(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) >= 7 && parts[5] == "function" {
		return parts[6]
	}
	return arn
}
