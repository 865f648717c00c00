package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/updraft-dev/updraft/task"
)

// Shape reads an argument that is written as boto3 takes it: the fields of a structure of
// the API by their names, in any case. An absent argument is the zero value, an unknown
// field an error.
func Shape[T any](a *task.Attempt, name string) (T, error) {
	var out T
	v := a.Args[name]
	if v == nil {
		return out, nil
	}
	raw, err := json.Marshal(v) // a task.Tuple is a list, a time is RFC 3339: as the API's structures read them
	if err != nil {
		return out, task.Misconfigured(fmt.Errorf("argument %s: %w", name, err))
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&out); err != nil {
		return out, task.Misconfigured(fmt.Errorf("argument %s: %s: write it as the AWS API describes it", name, strings.TrimPrefix(err.Error(), "json: ")))
	}
	return out, nil
}

// Int reads a whole number that may come from a template as a text.
func Int(a *task.Attempt, name string, def int) (int, error) {
	if s, ok := a.Args[name].(string); ok {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil {
			return def, task.Misconfigured(fmt.Errorf("argument %s is %q, not a whole number", name, s))
		}
		return n, nil
	}
	return task.Get(a, name, def)
}

// Truth reads a boolean that may come from a template as a text.
func Truth(a *task.Attempt, name string, def bool) (bool, error) {
	if s, ok := a.Args[name].(string); ok {
		switch strings.ToLower(strings.TrimSpace(s)) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return def, task.Misconfigured(fmt.Errorf("argument %s is %q, not true or false", name, s))
	}
	return task.Get(a, name, def)
}

// Optional is a text argument for a field that may be absent: nil when it is empty.
func Optional(a *task.Attempt, name string) (*string, error) {
	s, err := task.Get(a, name, "")
	if err != nil || s == "" {
		return nil, err
	}
	return &s, nil
}

// Answer is what boto3 returns of a call: the fields that the service gave, and
// ResponseMetadata. Fields that are nil are left out.
func Answer(m middleware.Metadata, fields map[string]*string) map[string]any {
	out := make(map[string]any, len(fields)+1)
	for name, v := range fields {
		if v != nil {
			out[name] = *v
		}
	}
	meta := map[string]any{}
	if id, ok := awsmiddleware.GetRequestIDMetadata(m); ok {
		meta["RequestId"] = id
	}
	if r, ok := awsmiddleware.GetRawResponse(m).(*smithyhttp.Response); ok {
		meta["HTTPStatusCode"] = int64(r.StatusCode)
	}
	out["ResponseMetadata"] = meta
	return out
}
