package awsconf_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/updraft-dev/updraft/internal/awsconf"
	"github.com/updraft-dev/updraft/internal/awsconf/profiles"
)

func TestClassifyAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		body   string
		want   awsconf.Class
	}{
		{400, `{"__type":"com.amazon.coral.service#ThrottlingException"}`, awsconf.Throttled},
		{400, `{"__type":"com.amazonaws.sqs#RequestThrottled"}`, awsconf.Throttled},
		{429, `{}`, awsconf.Throttled},
		{400, `{"__type":"com.amazon.coral.service#AccessDeniedException"}`, awsconf.Denied},
		{403, `{}`, awsconf.Denied},
		{400, `{"__type":"com.amazon.coral.service#ExpiredTokenException"}`, awsconf.Credentials},
		{400, `{"__type":"com.amazon.coral.service#UnrecognizedClientException"}`, awsconf.Credentials},
		{400, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}`, awsconf.NotFound},
		{404, `{}`, awsconf.NotFound},
		{503, `{}`, awsconf.Unavailable},
		{400, `{"__type":"com.amazonaws.sqs#InvalidAttributeName"}`, awsconf.Unknown},
	} {
		cfg, _ := open(t, answer{tt.status, tt.body})
		_, err := queues(cfg).ListQueues(t.Context(), &sqs.ListQueuesInput{})
		if err == nil {
			t.Errorf("%d %s is no error", tt.status, tt.body)
			continue
		}
		if got := awsconf.Classify(err); got != tt.want {
			t.Errorf("%d %s: got %q, want %q: %v", tt.status, tt.body, got, tt.want, err)
		}
		told := awsconf.Explain(err)
		if !errors.Is(told, err) || !strings.HasSuffix(told.Error(), tt.want.Remedy()) || tt.want == awsconf.Unknown && told.Error() != err.Error() {
			t.Errorf("explained as %v", told)
		}
	}
}

func TestClassifyWithoutAnswer(t *testing.T) {
	t.Parallel()
	cfg, _ := open(t, answer{200, "{}"})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, canceled := queues(cfg).ListQueues(ended, &sqs.ListQueuesInput{})

	server := httptest.NewServer(nil)
	server.Close()
	gone, err := profiles.Load(t.Context(), "1", local(server.URL)...)
	if err != nil {
		t.Fatal(err)
	}
	_, refused := queues(gone).ListQueues(t.Context(), &sqs.ListQueuesInput{})

	nobody := cfg.Copy()
	nobody.Credentials = aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no EC2 IMDS role found")
	}))
	_, anonymous := queues(nobody).ListQueues(t.Context(), &sqs.ListQueuesInput{})

	for _, tt := range []struct {
		err  error
		want awsconf.Class
	}{
		{nil, awsconf.Unknown},
		{errors.New("boom"), awsconf.Unknown},
		{canceled, awsconf.Canceled},
		{refused, awsconf.Network},
		{anonymous, awsconf.Credentials},
		{fmt.Errorf("wrapped: %w", &smithy.GenericAPIError{Code: "AWS.SimpleQueueService.NonExistentQueue"}), awsconf.NotFound},
	} {
		if got := awsconf.Classify(tt.err); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.err, got, tt.want)
		}
	}
	if awsconf.Explain(nil) != nil {
		t.Error("no error is explained as one")
	}
	if !awsconf.Throttled.Temporary() || awsconf.Denied.Temporary() {
		t.Error("throttling passes by itself, a denial does not")
	}
}

func TestClassesHaveRemedies(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for c := awsconf.Throttled; c < awsconf.Canceled; c++ {
		if c.Remedy() == "" || c.String() == "unknown" || seen[c.String()] {
			t.Errorf("class %d is %q with remedy %q", c, c, c.Remedy())
		}
		seen[c.String()] = true
	}
}
