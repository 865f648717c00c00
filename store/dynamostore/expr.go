package dynamostore

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func blob(b []byte) types.AttributeValue {
	if b == nil {
		b = []byte{} // nil would be sent as no value at all
	}
	return &types.AttributeValueMemberB{Value: b}
}

func num(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// The readers of attributes return zero for what is missing or of another type: what that
// means is for the item's decoder to say.
func strOf(i item, attr string) string {
	if v, ok := i[attr].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

func blobOf(i item, attr string) []byte {
	if v, ok := i[attr].(*types.AttributeValueMemberB); ok {
		return v.Value
	}
	return nil
}

func numOf(i item, attr string) int64 {
	if v, ok := i[attr].(*types.AttributeValueMemberN); ok {
		if n, err := strconv.ParseInt(v.Value, 10, 64); err == nil {
			return n
		}
	}
	return 0
}

// expr collects an update and its condition.
type expr struct {
	names               map[string]string
	values              item
	conds, sets, remove []string
}

func (e *expr) name(attr string) string {
	n := "#" + strconv.Itoa(len(e.names))
	if e.names == nil {
		e.names = map[string]string{}
	}
	e.names[n] = attr
	return n
}

func (e *expr) value(v types.AttributeValue) string {
	n := ":" + strconv.Itoa(len(e.values))
	if e.values == nil {
		e.values = item{}
	}
	e.values[n] = v
	return n
}

func (e *expr) cond(parts ...string) { e.conds = append(e.conds, strings.Join(parts, "")) }

// is demands that an attribute has a value; nil demands that it is not there.
func (e *expr) is(attr string, v types.AttributeValue) {
	if v == nil {
		e.cond("attribute_not_exists(", e.name(attr), ")")
		return
	}
	e.cond(e.name(attr), " = ", e.value(v))
}

func (e *expr) exists() { e.cond("attribute_exists(", e.name(attrPK), ")") }

// set gives an attribute a value; nil removes it.
func (e *expr) set(attr string, v types.AttributeValue) {
	if v == nil {
		e.remove = append(e.remove, e.name(attr))
		return
	}
	e.sets = append(e.sets, e.name(attr)+" = "+e.value(v))
}

func (e *expr) update() *string {
	var parts []string
	if len(e.sets) > 0 {
		parts = append(parts, "SET "+strings.Join(e.sets, ", "))
	}
	if len(e.remove) > 0 {
		parts = append(parts, "REMOVE "+strings.Join(e.remove, ", "))
	}
	return aws.String(strings.Join(parts, " "))
}

func (e *expr) condition() *string {
	if len(e.conds) == 0 {
		return nil
	}
	return aws.String(strings.Join(e.conds, " AND "))
}

// optional is an attribute that is not there for nil.
func optional(b []byte) types.AttributeValue {
	if b == nil {
		return nil
	}
	return blob(b)
}

// marked says that a write that was refused had been done before: it finds its own mark.
func marked(old []item, mark []byte) bool {
	return len(old) == 1 && old[0] != nil && bytes.Equal(blobOf(old[0], attrMark), mark)
}
