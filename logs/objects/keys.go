package objects

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/layout"
	"github.com/updraft-dev/updraft/run"
)

// limit lets three long ids, a prefix and the rest fit into MaxKey bytes, and a folder into
// the 255 bytes that MinIO allows.
var limit = layout.Limit{Max: 160, Kept: 100}

const (
	// digits is how many an offset in a key has: as many as the largest one.
	digits = 20
	// packLevel begins the names of packs.
	packLevel = "packed="
	// hashSize is how many characters stand for an instance in the name of a pack: with
	// logs.MaxPack of them, it stays below 255 bytes.
	hashSize = 8
)

// folder is the folder of these levels, with a slash at its end.
func (d *driver) folder(levels []layout.Folder) string {
	var b strings.Builder
	b.WriteString(d.root)
	for _, f := range levels {
		b.WriteString(f.Name)
		b.WriteByte('/')
	}
	return b.String()
}

// runLevels are the levels of a run's folder.
func runLevels(id run.ID) []layout.Folder {
	return []layout.Folder{limit.Folder(layout.DAG, id.DAG), limit.Folder(layout.Run, id.Run)}
}

// key is the key of a segment.
func (d *driver) key(a run.Attempt, segment int64) string {
	return d.folder(limit.Folders(a.Key)) + layout.Segment(a.Try, segment, digits)
}

// packPrefix is what the keys of a run's packs begin with.
func (d *driver) packPrefix(id run.ID) string { return d.folder(runLevels(id)) + packLevel }

// packKey is the key of a new pack: packs are listed by their time. It names the instances
// whose logs are in it, so that who looks for one need not read them all.
func (d *driver) packKey(id run.ID, random string, whole []logs.Whole) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%013d-%s.", d.packPrefix(id), d.now().UnixMilli(), random[:8])
	for _, w := range whole {
		b.WriteString(hash(w.Attempt.Key))
	}
	return b.String()
}

// hash stands for an instance of a run.
func hash(k run.Key) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s", k.Map, k.Task))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:hashSize]
}

// mayHold says whether a pack may hold a log of an instance.
func mayHold(key string, k run.Key) bool {
	hashes := key[strings.LastIndexByte(key, '.')+1:]
	want := hash(k)
	for ; len(hashes) >= hashSize; hashes = hashes[hashSize:] {
		if hashes[:hashSize] == want {
			return true
		}
	}
	return false
}

const (
	// noteAgain is how often a process writes a long id down: a rule of the bucket may
	// delete objects that are some days old, also while younger logs need them.
	noteAgain = 24 * time.Hour
	// maxNoted bounds what is remembered of it.
	maxNoted = 10_000
)

// note writes down the ids of an instance that are too long for the names of its folders.
func (d *driver) note(ctx context.Context, k run.Key) error {
	return d.noteLevels(ctx, limit.Folders(k))
}

func (d *driver) noteLevels(ctx context.Context, levels []layout.Folder) error {
	for i, f := range levels {
		if f.ID == "" {
			continue
		}
		key := d.folder(levels[:i+1]) + layout.IDFile
		if d.wasNoted(key) {
			continue
		}
		if err := d.b.Put(ctx, Put{Key: key, Body: []byte(f.ID)}); err != nil {
			return fmt.Errorf("note the name of a log: %w", err)
		}
		d.mu.Lock()
		if len(d.noted) >= maxNoted {
			clear(d.noted)
		}
		d.noted[key] = d.now()
		d.mu.Unlock()
	}
	return nil
}

func (d *driver) wasNoted(key string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, ok := d.noted[key]
	return ok && d.now().Sub(at) < noteAgain
}
