// Package awsbench counts what runs cost on AWS: the functions of package cloudtest on
// DynamoDB Local, which says what each request consumes. It has no code of its own beside
// its test, which `make bench-aws` runs.
package awsbench
