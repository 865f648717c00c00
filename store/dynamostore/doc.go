// Package dynamostore keeps everything durable in one DynamoDB table: the store of an
// installation on AWS, where no process lives for long and each write has its price.
//
// The instances of a run lie in shards, items of eleven neighbouring tasks each, so
// that one conditional write of one unit reports a task and claims the next one. What
// is long lies beside them, by reference. docs/design/run-state.md has the arithmetic.
package dynamostore
