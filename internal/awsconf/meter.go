package awsconf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// stack is what the SDK sends a call through.
type stack = middleware.Stack

// Operation names what was called: "SQS", "SendMessageBatch".
type Operation struct{ Service, Name string }

func (o Operation) String() string { return o.Service + "." + o.Name }

// Usage is what the calls of one operation took.
type Usage struct {
	// Calls is how many calls were made, Requests how many requests that took, the retries
	// counted; Failed is how many calls ended in an error.
	Calls, Requests, Failed int
	// Throttled is how many requests were refused for being too many, Refused how many
	// calls because a condition did not hold. DynamoDB charges those, too, and does not say
	// how much: at least one write unit each.
	Throttled, Refused int
	// ReadUnits and WriteUnits are the capacity that DynamoDB said it took. It says so only
	// where a call asks (ReturnConsumedCapacity).
	ReadUnits, WriteUnits float64
	// Billed is how many requests SQS charges: one for each 64 KB begun.
	Billed int
}

// Retries is how many requests repeated another.
func (u Usage) Retries() int { return max(0, u.Requests-u.Calls) }

func (u *Usage) add(o Usage) {
	u.Calls += o.Calls
	u.Requests += o.Requests
	u.Failed += o.Failed
	u.Throttled += o.Throttled
	u.Refused += o.Refused
	u.ReadUnits += o.ReadUnits
	u.WriteUnits += o.WriteUnits
	u.Billed += o.Billed
}

// Snapshot is what a meter has counted, by operation.
type Snapshot map[Operation]Usage

// Total sums up the operations of services, or of all if none is named.
func (s Snapshot) Total(services ...string) Usage {
	var sum Usage
	for o, u := range s {
		if len(services) == 0 || slices.Contains(services, o.Service) {
			sum.add(u)
		}
	}
	return sum
}

// Prices are the counts that AWS has prices for.
type Prices struct {
	// ReadUnits and WriteUnits are DynamoDB's.
	ReadUnits, WriteUnits float64
	// QueueRequests are those that SQS charges.
	QueueRequests int
	// Puts and Gets are S3's two classes: PUT, COPY, POST and LIST; all others but DELETE.
	Puts, Gets int
	// Invokes are the calls of Lambda functions.
	Invokes int
}

// Prices sums up what has a price. Requests that failed are counted: most are charged.
func (s Snapshot) Prices() Prices {
	var p Prices
	for o, u := range s {
		switch o.Service {
		case "DynamoDB":
			p.ReadUnits += u.ReadUnits
			p.WriteUnits += u.WriteUnits
		case "SQS":
			p.QueueRequests += u.Billed
		case "S3":
			switch class(o.Name) {
			case classPut:
				p.Puts += u.Requests
			case classGet:
				p.Gets += u.Requests
			}
		case "Lambda":
			if strings.HasPrefix(o.Name, "Invoke") {
				p.Invokes += u.Requests
			}
		}
	}
	return p
}

const (
	classPut  = "put"
	classGet  = "get"
	classFree = "free"
)

// class is the class of prices of an operation of S3 (aws.amazon.com/s3/pricing, "Requests
// & data retrievals").
func class(operation string) string {
	for _, prefix := range []string{"Delete", "Abort"} {
		if strings.HasPrefix(operation, prefix) {
			return classFree
		}
	}
	for _, prefix := range []string{"Put", "Copy", "Post", "List", "Create", "Upload", "Complete", "Restore"} {
		if strings.HasPrefix(operation, prefix) {
			return classPut
		}
	}
	return classGet
}

// String is a table, a line for each operation.
func (s Snapshot) String() string {
	var b strings.Builder
	for _, o := range slices.SortedFunc(maps.Keys(s), func(a, b Operation) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name))
	}) {
		u := s[o]
		fmt.Fprintf(&b, "%s: %d calls, %d retries, %d failed", o, u.Calls, u.Retries(), u.Failed)
		if u.Throttled+u.Refused > 0 {
			fmt.Fprintf(&b, ", %d throttled, %d refused", u.Throttled, u.Refused)
		}
		if u.ReadUnits+u.WriteUnits > 0 {
			fmt.Fprintf(&b, ", %g read units, %g write units", u.ReadUnits, u.WriteUnits)
		}
		if u.Billed > 0 {
			fmt.Fprintf(&b, ", %d billed", u.Billed)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Meter counts calls. It is safe for concurrent use; the zero value is ready.
type Meter struct {
	mu     sync.Mutex
	counts Snapshot
}

// Snapshot returns what was counted since the last Reset.
func (m *Meter) Snapshot() Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.counts)
}

// Reset begins anew, and returns what was counted until then.
func (m *Meter) Reset() Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.counts
	m.counts = nil
	return old
}

func (m *Meter) add(ctx context.Context, u Usage) {
	o := Operation{Service: middleware.GetServiceID(ctx), Name: middleware.GetOperationName(ctx)}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = Snapshot{}
	}
	sum := m.counts[o]
	sum.add(u)
	m.counts[o] = sum
}

// WithMeter returns a configuration whose clients are counted by the meter.
func WithMeter(cfg aws.Config, m *Meter) aws.Config {
	cfg = cfg.Copy()
	// A copy: the slice may be shared with other configurations.
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), m.install)
	return cfg
}

// install puts one middleware around calls, inside of the check of their arguments, and
// one around requests, inside of the loop that retries.
func (m *Meter) install(s *stack) error {
	err := s.Initialize.Add(middleware.InitializeMiddlewareFunc("UpdraftMeterCall", m.call), middleware.After)
	if err != nil {
		return err
	}
	request := middleware.FinalizeMiddlewareFunc("UpdraftMeterRequest", m.request)
	if _, ok := s.Finalize.Get("Retry"); ok {
		return s.Finalize.Insert(request, "Retry", middleware.After)
	}
	return s.Finalize.Add(request, middleware.Before)
}

// sentKey is where call tells request how many bytes of messages it sends.
type sentKey struct{}

func (m *Meter) call(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	queue := middleware.GetServiceID(ctx) == "SQS"
	if queue {
		ctx = middleware.WithStackValue(ctx, sentKey{}, messageBytes(in.Parameters))
	}
	out, meta, err := next.HandleInitialize(ctx, in)
	u := Usage{Calls: 1}
	switch {
	case err != nil:
		u.Failed = 1
		if conditional(err) {
			u.Refused = 1
		}
	case queue:
		// What is received is charged by its size, and was counted as one request.
		u.Billed = max(0, chunks(messageBytes(out.Result))-1)
	case middleware.GetServiceID(ctx) == "DynamoDB":
		u.ReadUnits, u.WriteUnits = capacity(middleware.GetOperationName(ctx), out.Result)
	}
	m.add(ctx, u)
	return out, meta, err
}

func (m *Meter) request(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	out, meta, err := next.HandleFinalize(ctx, in)
	u := Usage{Requests: 1}
	if err != nil && throttled(err) {
		u.Throttled = 1
	}
	if n, ok := middleware.GetStackValue(ctx, sentKey{}).(int); ok {
		u.Billed = chunks(n)
	}
	m.add(ctx, u)
	return out, meta, err
}

// throttled says that AWS refused a request for being too many.
func throttled(err error) bool {
	return retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary || Classify(err) == Throttled
}

// conditional says that a condition of a write did not hold.
func conditional(err error) bool {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return false
	}
	switch e.ErrorCode() {
	case "ConditionalCheckFailedException", "TransactionCanceledException", "PreconditionFailed":
		return true
	}
	return false
}
