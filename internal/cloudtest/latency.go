package cloudtest

import (
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// Latency draws how long a call takes. Calls are named by service and operation, such as
// "DynamoDB.UpdateItem"; see also the names in Latencies.
type Latency func(r *rand.Rand, call string) time.Duration

// latencies are medians and 99th percentiles in milliseconds, the first whose name begins
// the call's is the one. None was measured on AWS by us.
var latencies = []struct {
	call     string
	p50, p99 float64
	// source says who measured it.
	source string
}{
	{"DynamoDB.TransactWriteItems", 25.3, 92.5, "TransactWrite of 5 from Lambda: github.com/alexdebrie/dynamodb-performance-testing, Python, 2020"},
	{"DynamoDB.Batch", 10.2, 27.6, "BatchWrite of 25: same"},
	{"DynamoDB.", 7.55, 16.2, "PutItem: same; reads are taken to be as slow"},
	{"SQS.deliver", 16.2, 105, "from a standard queue to a function: bitesizedserverless.com, 2023"},
	{"SQS.", 8, 20, "an assumption"},
	{"Lambda.deliver", 73, 225, "SNS to Lambda, which is asynchronous, too: bitesizedserverless.com, 2023"},
	{"Lambda.init", 44, 60, "Go on provided.al2023, arm64: github.com/maxday/lambda-perf, 2026-08-22; without the placement"},
	{"Lambda.", 50, 120, "an Invoke call: the WUKONG paper (arXiv 2010.07268)"},
	{"S3.", 30, 120, "an assumption"},
}

// Latencies draws from lognormal distributions with published medians and percentiles.
func Latencies(r *rand.Rand, call string) time.Duration {
	for _, l := range latencies {
		if strings.HasPrefix(call, l.call) {
			const z99 = 2.3263 // of the normal distribution
			sigma := math.Log(l.p99/l.p50) / z99
			return time.Duration(l.p50 * math.Exp(sigma*r.NormFloat64()) * float64(time.Millisecond))
		}
	}
	return time.Duration(1+r.IntN(1000)) * time.Microsecond
}
