package dynamostore

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/updraft-dev/updraft/run"
)

// The attributes of the table's key and of retention. Every other attribute is named by
// the code of the item it belongs to.
const (
	attrPK  = "pk"
	attrSK  = "sk"
	attrTTL = "ttl"
)

// item is an item as the SDK has it.
type item = map[string]types.AttributeValue

// key is the primary key of an item.
type key struct{ pk, sk string }

func (k key) item() item { return item{attrPK: str(k.pk), attrSK: str(k.sk)} }

// The sort keys of a run's partition are chosen so that one range, from sortMeta to
// sortEnd, is all that is needed to work on the run. History and large XComs lie outside.
const (
	sortMeta    = "m"
	sortStaging = "n#"
	sortDetail  = "r#"
	sortShard   = "s#"
	sortEnd     = "s~"
	sortHistory = "h#"
	sortXCom    = "x#"
)

// Keys are texts with parts between '#'. In a part, '#', '$' and what sorts before them
// are escaped so that keys sort as the lists of their parts do. A part that is too long
// for a key is cut and ends in a hash: such names are found all the same, but sort only
// by their first characters.
const (
	separator = '#'
	escape    = '$'
	// maxPart is the size of a part in bytes: two of them and a time fit into the 1024
	// bytes of a sort key.
	maxPart = 440
	hashed  = "$~"
)

// part makes a name a part of a key.
func part(name string) string {
	n := 0
	for i := range len(name) {
		if name[i] <= escape {
			n++
		}
	}
	if n > 0 {
		var b strings.Builder
		b.Grow(len(name) + n)
		for i := range len(name) {
			if c := name[i]; c <= escape {
				b.WriteByte(escape)
				b.WriteByte(c + 0x40)
			} else {
				b.WriteByte(c)
			}
		}
		return cut(name, b.String())
	}
	return cut(name, name)
}

func cut(name, escaped string) string {
	if len(escaped) <= maxPart {
		return escaped
	}
	sum := sha256.Sum256([]byte(name))
	hash := hashed + base64.RawURLEncoding.EncodeToString(sum[:16])
	end := maxPart - len(hash)
	for !utf8.RuneStart(escaped[end]) {
		end--
	}
	return strings.TrimSuffix(escaped[:end], string(escape)) + hash
}

func runKey(id run.ID) string { return "run#" + part(id.DAG) + "#" + part(id.Run) }

func metaKey(id run.ID) key { return key{runKey(id), sortMeta} }

// sortable makes numbers sort as text.
func sortable(n int64) string { return fmt.Sprintf("%016x", uint64(n)^1<<63) }

// entryName names the attribute of an instance in its shard: by the position of its task,
// as each character of a name is paid for again and again, or by the task's id if that has
// none.
func (l *layout) entryName(task string, index int) string {
	pos, known := l.position(task)
	switch {
	case known && index == run.Unmapped:
		return strconv.Itoa(pos)
	case known:
		return strconv.Itoa(pos) + "." + strconv.Itoa(index)
	case index == run.Unmapped:
		return ":" + task
	}
	return strconv.Itoa(index) + ":" + task
}

// entryOf is the inverse of entryName; ok is false for attributes that are none.
func (l *layout) entryOf(attr string) (task string, index int, ok bool) {
	if n, task, ok := strings.Cut(attr, ":"); ok {
		if n == "" {
			return task, run.Unmapped, true
		}
		index, err := strconv.Atoi(n)
		return task, index, err == nil
	}
	index = run.Unmapped
	p, n, mapped := strings.Cut(attr, ".")
	pos, err := strconv.Atoi(p)
	if err == nil && mapped {
		index, err = strconv.Atoi(n)
	}
	if err != nil || l == nil || pos < 0 || pos >= len(l.order) {
		return "", 0, false
	}
	return l.order[pos], index, true
}

// xcomPrefix begins the name of the attribute that has the XComs of an instance.
const xcomPrefix = "x"

// perShard is the number of instances of a shard: as many as fit into the 1024 bytes of a
// write unit if each has a small return value. More of them would save the second write
// where a chain goes from shard to shard, and cost more with every other one: see
// docs/design/run-state.md. It must not change while there are runs.
const perShard = 11

// hashShards is the number of shards of tasks that are in no layout.
const hashShards = 32

// shardOf returns the sort key of an instance's shard. Instances of neighbouring tasks share
// one, so that a chain goes on in one write; those of a mapped task share theirs with their
// neighbours by index.
func (l *layout) shardOf(epoch, task string, index int) string {
	pos, known := l.position(task)
	switch {
	case index != run.Unmapped && (!known || l.tasks[task].mapped):
		return l.indexedShards(epoch, task) + strconv.Itoa(index/perShard)
	case known:
		return sortShard + epoch + "#" + strconv.Itoa(pos/perShard)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(task))
	return sortShard + epoch + "#h" + strconv.FormatUint(uint64(h.Sum32()%hashShards), 10)
}

// indexedShards begins the sort keys of the shards that have the instances of a task by
// index.
func (l *layout) indexedShards(epoch, task string) string {
	if pos, known := l.position(task); known {
		return sortShard + epoch + "#t" + strconv.Itoa(pos) + "."
	}
	sum := sha256.Sum256([]byte(task))
	return sortShard + epoch + "#k" + base64.RawURLEncoding.EncodeToString(sum[:9]) + "."
}
