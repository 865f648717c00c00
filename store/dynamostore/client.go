package dynamostore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// opKind is what an op does with its item.
type opKind int

const (
	opUpdate opKind = iota
	opPut
	opDelete
)

// op is a write of one item, under its condition.
type op struct {
	kind opKind
	key  key
	put  item
	// once has the write made as a transaction, whose token tells a write that is sent again,
	// as its answer was lost, from a second one: where nothing of it can be seen afterwards.
	once bool
	// after is told of an item that was updated, as it is then; nil if nobody wants to know.
	after func(item)
	expr
}

// maxTransact is the number of items of a transaction.
const maxTransact = 100

// trials is how often a write is tried that met transactions of others: they are over
// within milliseconds.
const trials = 12

// write makes all writes or none. Held is false if a condition was not met; old is then
// what is stored, as far as DynamoDB says.
func (s *Store) write(ctx context.Context, ops ...op) (old []item, held bool, err error) {
	token := requestToken()
	for n := 0; ; n++ {
		if len(ops) == 1 && !ops[0].once {
			err = s.writeOne(ctx, &ops[0])
		} else {
			err = s.writeAll(ctx, ops, token)
		}
		if err == nil {
			return nil, true, nil
		}
		if conflicts(err) || throttled(err) {
			if n < trials && pause(ctx, n) == nil {
				// A token stands for an answer, too; that one was no.
				token = requestToken()
				continue
			}
			return nil, false, err
		}
		if old, refused := refusal(err); refused {
			s.cfg.Consumed("refused", 0, float64(len(ops)))
			return old, false, nil
		}
		return nil, false, err
	}
}

// requestToken tells a transaction from every other one, for ten minutes.
func requestToken() string { return fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()) }

// pause waits before trial n+1, longer each time.
func pause(ctx context.Context, n int) error {
	t := time.NewTimer(time.Millisecond<<min(n, 7) + rand.N(time.Millisecond<<min(n, 7)))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (s *Store) writeOne(ctx context.Context, o *op) error {
	const old = types.ReturnValuesOnConditionCheckFailureAllOld
	var used *types.ConsumedCapacity
	name := "UpdateItem"
	switch o.kind {
	case opPut:
		name = "PutItem"
		out, err := s.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.cfg.Table, Item: o.put,
			ConditionExpression: o.condition(), ExpressionAttributeNames: o.names, ExpressionAttributeValues: o.values,
			ReturnValuesOnConditionCheckFailure: old, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
		if err != nil {
			return err
		}
		used = out.ConsumedCapacity
	case opDelete:
		name = "DeleteItem"
		out, err := s.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.cfg.Table, Key: o.key.item(),
			ConditionExpression: o.condition(), ExpressionAttributeNames: o.names, ExpressionAttributeValues: o.values,
			ReturnValuesOnConditionCheckFailure: old, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
		if err != nil {
			return err
		}
		used = out.ConsumedCapacity
	default:
		in := &dynamodb.UpdateItemInput{TableName: &s.cfg.Table, Key: o.key.item(),
			UpdateExpression: o.update(), ConditionExpression: o.condition(),
			ExpressionAttributeNames: o.names, ExpressionAttributeValues: o.values,
			ReturnValuesOnConditionCheckFailure: old, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal}
		if o.after != nil {
			in.ReturnValues = types.ReturnValueAllNew
		}
		out, err := s.db.UpdateItem(ctx, in)
		if err != nil {
			return err
		}
		if o.after != nil {
			o.after(out.Attributes)
		}
		used = out.ConsumedCapacity
	}
	s.wrote(name, used)
	return nil
}

func (s *Store) writeAll(ctx context.Context, ops []op, token string) error {
	const old = types.ReturnValuesOnConditionCheckFailureAllOld
	in := &dynamodb.TransactWriteItemsInput{ClientRequestToken: &token,
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal}
	for i := range ops {
		o := &ops[i]
		var t types.TransactWriteItem
		switch o.kind {
		case opPut:
			t.Put = &types.Put{TableName: &s.cfg.Table, Item: o.put, ConditionExpression: o.condition(),
				ExpressionAttributeNames: o.names, ExpressionAttributeValues: o.values, ReturnValuesOnConditionCheckFailure: old}
		case opDelete:
			t.Delete = &types.Delete{TableName: &s.cfg.Table, Key: o.key.item(), ConditionExpression: o.condition(),
				ExpressionAttributeNames: o.names, ExpressionAttributeValues: o.values, ReturnValuesOnConditionCheckFailure: old}
		default:
			t.Update = &types.Update{TableName: &s.cfg.Table, Key: o.key.item(), UpdateExpression: o.update(),
				ConditionExpression:      o.condition(),
				ExpressionAttributeNames: o.names, ExpressionAttributeValues: o.values, ReturnValuesOnConditionCheckFailure: old}
		}
		in.TransactItems = append(in.TransactItems, t)
	}
	out, err := s.db.TransactWriteItems(ctx, in)
	if err != nil {
		return err
	}
	units := 0.0
	for i := range out.ConsumedCapacity {
		units += aws.ToFloat64(out.ConsumedCapacity[i].CapacityUnits)
	}
	// DynamoDB Local says too little: each item of a transaction costs two units at least.
	s.cfg.Consumed("TransactWriteItems", 0, max(units, float64(2*len(ops))))
	return nil
}

func (s *Store) wrote(op string, c *types.ConsumedCapacity) {
	if c != nil {
		s.cfg.Consumed(op, 0, aws.ToFloat64(c.CapacityUnits))
	}
}

func (s *Store) read(op string, c *types.ConsumedCapacity) {
	if c != nil {
		// DynamoDB Local forgets that finding nothing costs a unit, too.
		s.cfg.Consumed(op, max(1, aws.ToFloat64(c.CapacityUnits)), 0)
	}
}

// get reads an item as it is now; nil if it is not there.
func (s *Store) get(ctx context.Context, k key) (item, error) {
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.cfg.Table, Key: k.item(),
		ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
	if err != nil {
		return nil, err
	}
	s.read("GetItem", out.ConsumedCapacity)
	return out.Item, nil
}

// span selects a range of a partition: from <= sk <= to.
type span struct {
	pk, from, to string
	// past leaves out what does not come after this sort key, which lies in the range.
	past string
	// backward reads from the end.
	backward bool
	// limit is the number of items of a request, zero for as many as fit.
	limit int
	// keysOnly leaves out all but the keys.
	keysOnly bool
}

// query calls each with the items of a range, page by page, until it returns false.
func (s *Store) query(ctx context.Context, r span, each func(items []item) (more bool)) error {
	in := &dynamodb.QueryInput{
		TableName: &s.cfg.Table, ConsistentRead: aws.Bool(true), ScanIndexForward: aws.Bool(!r.backward),
		KeyConditionExpression:    aws.String("#p = :p AND #s BETWEEN :from AND :to"),
		ExpressionAttributeNames:  map[string]string{"#p": attrPK, "#s": attrSK},
		ExpressionAttributeValues: item{":p": str(r.pk), ":from": str(r.from), ":to": str(r.to)},
		ReturnConsumedCapacity:    types.ReturnConsumedCapacityTotal,
	}
	if r.limit > 0 {
		in.Limit = aws.Int32(int32(min(r.limit, 1000)))
	}
	if r.past != "" {
		in.ExclusiveStartKey = key{r.pk, r.past}.item()
	}
	if r.keysOnly {
		in.ProjectionExpression = aws.String("#p, #s")
	}
	for {
		out, err := s.db.Query(ctx, in)
		if err != nil {
			return err
		}
		s.read("Query", out.ConsumedCapacity)
		if !each(out.Items) || len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// first reads a range, or no more of it than its limit.
func (s *Store) first(ctx context.Context, r span) ([]item, error) {
	var l []item
	err := s.query(ctx, r, func(items []item) bool {
		l = append(l, items...)
		return r.limit == 0 || len(l) < r.limit
	})
	return l, err
}

// all reads a whole range.
func (s *Store) all(ctx context.Context, r span) ([]item, error) {
	var l []item
	err := s.query(ctx, r, func(items []item) bool {
		l = append(l, items...)
		return true
	})
	return l, err
}

// maxGet and maxBatch are the numbers of items that a batch may have.
const (
	maxGet   = 100
	maxBatch = 25
	// maxBatchSize is well below the 16 MB that a request may have.
	maxBatchSize = 4 << 20
)

// getAll reads items as they are now, by key; those that are not there are left out.
func (s *Store) getAll(ctx context.Context, keys []key) (map[key]item, error) {
	found := make(map[key]item, len(keys))
	for len(keys) > 0 {
		n := min(len(keys), maxGet)
		todo := types.KeysAndAttributes{ConsistentRead: aws.Bool(true)}
		for _, k := range keys[:n] {
			todo.Keys = append(todo.Keys, k.item())
		}
		keys = keys[n:]
		for try := 0; len(todo.Keys) > 0; try++ {
			out, err := s.db.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
				RequestItems: map[string]types.KeysAndAttributes{s.cfg.Table: todo}, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
			if err != nil {
				return nil, err
			}
			for i := range out.ConsumedCapacity {
				s.read("BatchGetItem", &out.ConsumedCapacity[i])
			}
			got := out.Responses[s.cfg.Table]
			for _, it := range got {
				found[key{strOf(it, attrPK), strOf(it, attrSK)}] = it
			}
			todo.Keys = out.UnprocessedKeys[s.cfg.Table].Keys
			if err := s.again(ctx, &try, len(got), len(todo.Keys)); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// again waits if a batch was done in part only, and gives up when nothing is done any more.
func (s *Store) again(ctx context.Context, try *int, done, left int) error {
	switch {
	case left == 0:
		return nil
	case done > 0:
		*try = 0
	case *try > trials:
		return &types.ProvisionedThroughputExceededException{Message: aws.String("items of a batch stay undone")}
	}
	return pause(ctx, *try)
}

// writeBatch puts and deletes without conditions, in any order. Nothing says that all or
// none of it is done.
func (s *Store) writeBatch(ctx context.Context, puts []item, deletes []key) error {
	var todo []types.WriteRequest
	for _, p := range puts {
		todo = append(todo, types.WriteRequest{PutRequest: &types.PutRequest{Item: p}})
	}
	for _, k := range deletes {
		todo = append(todo, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: k.item()}})
	}
	for try := 0; len(todo) > 0; try++ {
		n, size := 0, 0
		for n < len(todo) && n < maxBatch && (n == 0 || size < maxBatchSize) {
			size += putSize(todo[n].PutRequest)
			n++
		}
		out, err := s.db.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems:           map[string][]types.WriteRequest{s.cfg.Table: todo[:n]},
			ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
		if err != nil {
			return err
		}
		for i := range out.ConsumedCapacity {
			s.wrote("BatchWriteItem", &out.ConsumedCapacity[i])
		}
		left := out.UnprocessedItems[s.cfg.Table]
		todo = append(left, todo[n:]...)
		if err := s.again(ctx, &try, n-len(left), len(left)); err != nil {
			return err
		}
	}
	return nil
}

func putSize(p *types.PutRequest) int {
	n := 0
	if p != nil {
		for _, v := range p.Item {
			if b, ok := v.(*types.AttributeValueMemberB); ok {
				n += len(b.Value)
			}
		}
	}
	return n
}
