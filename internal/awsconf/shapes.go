package awsconf

import (
	"reflect"
	"strings"
)

// The SDK's inputs and outputs are looked into by the names of their fields: to name their
// types would link DynamoDB and SQS into every program.

// chunkSize is the size that SQS charges as one request (aws.amazon.com/sqs/pricing).
const chunkSize = 64 << 10

// chunks is how many requests SQS charges for so many bytes.
func chunks(n int) int { return max(1, (n+chunkSize-1)/chunkSize) }

// field returns a field of the structure that v points to; the zero Value if there is none.
func field(v reflect.Value, name string) reflect.Value {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v.FieldByName(name)
}

// messageBytes is how many bytes of messages an input or output of SQS has: that of
// SendMessage, its entries, or what was received. Attributes are charged, too; Updraft has
// none worth counting.
func messageBytes(io any) int {
	v := reflect.ValueOf(io)
	n := text(field(v, "MessageBody"))
	for _, list := range []struct{ list, body string }{{"Entries", "MessageBody"}, {"Messages", "Body"}} {
		entries := field(v, list.list)
		if entries.Kind() != reflect.Slice {
			continue
		}
		for i := range entries.Len() {
			n += text(field(entries.Index(i), list.body))
		}
	}
	return n
}

// text is the length of the text that v points to.
func text(v reflect.Value) int {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.String {
		return 0
	}
	return v.Len()
}

// capacity is what DynamoDB says that a call took. It tells reads from writes only for
// transactions; for the others the operation does.
func capacity(operation string, output any) (read, write float64) {
	v := field(reflect.ValueOf(output), "ConsumedCapacity")
	list := []reflect.Value{v}
	if v.Kind() == reflect.Slice { // one for each table
		list = list[:0]
		for i := range v.Len() {
			list = append(list, v.Index(i))
		}
	}
	for _, c := range list {
		all, r, w := number(field(c, "CapacityUnits")), number(field(c, "ReadCapacityUnits")), number(field(c, "WriteCapacityUnits"))
		switch {
		case r+w > 0:
			read, write = read+r, write+w
		case reads(operation):
			read += all
		default:
			write += all
		}
	}
	return read, write
}

// reads says whether an operation of DynamoDB reads.
func reads(operation string) bool {
	for _, word := range []string{"Get", "Query", "Scan"} {
		if strings.Contains(operation, word) {
			return true
		}
	}
	return false
}

// number is the number that v points to; 0 if there is none.
func number(v reflect.Value) float64 {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Float64 {
		return 0
	}
	return v.Float()
}
