package dynamostore

import (
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/updraft-dev/updraft/run"
)

// An instance is stored as its state, try and token, so that a condition on those three
// is one on the first bytes, and a record of the rest. The fields of bitLong and above
// move to an item of their own if the whole is longer than maxEntry: a failed task's last
// lines must not make every later write of its shard dearer.
const (
	maxEntry = 256

	bitQueued = iota - 1
	bitStart
	bitEnd
	bitFirstStart
	bitWorker
	bitExecutor
	bitPool
	bitLease
	bitPushed
	bitMaxTries
	bitLength
	bitDue
	bitReschedules
	bitInfra
	bitOOM
	bitCause
	bitExit
	bitUnmappable
	bitRef
	bitLong
)

const (
	bitHandle = bitLong + iota
	bitReason
	bitChoice
	bitFollowed
	bitSkipped
	bitLabel
	bitTrigger
	bitTail
	bitNote
	bitPeak // not long; those below bitLong have their numbers for ever
)

// appendPrefix appends what conditions are about.
func appendPrefix(b []byte, s run.State, try int, token string) []byte {
	return appendToken(binary.AppendVarint(append(b, byte(s)), int64(try)), token)
}

// tokens are what crypto/rand.Text makes: 26 letters of 5 bits. They are packed; any other
// token is kept as it is. The length says which: 1 for packed, twice the length otherwise.
var tokens = base32.StdEncoding.WithPadding(base32.NoPadding)

const tokenLen = 26

func appendToken(b []byte, token string) []byte {
	if len(token) == tokenLen {
		// 24 letters are 15 bytes; the last two stay letters.
		packed, err := tokens.DecodeString(token[:tokenLen-2])
		if err == nil && tokens.EncodeToString(packed) == token[:tokenLen-2] {
			return append(append(append(b, 1), packed...), token[tokenLen-2:]...)
		}
	}
	return append(binary.AppendUvarint(b, uint64(len(token))<<1), token...)
}

func (r *reader) token() string {
	n, packed := r.uvarint(), false
	if packed = n == 1; packed {
		n = 2 * (15 + 2)
	}
	n >>= 1
	if r.err != nil || n > uint64(len(r.b)) {
		r.fail(errShort)
		return ""
	}
	t := r.b[:n]
	r.b = r.b[n:]
	if packed {
		return tokens.EncodeToString(t[:15]) + string(t[15:])
	}
	return string(t)
}

// encodeInstance returns the entry of an instance. If it is too long for a shard, it
// returns the long fields, too; keep then says where they will be.
func encodeInstance(i *run.Instance, keep func(long []byte) *ref) []byte {
	r := record{b: make([]byte, 0, 64)}
	r.time(bitQueued, i.QueuedAt)
	r.time(bitStart, i.Start)
	r.time(bitEnd, i.End)
	r.time(bitFirstStart, i.FirstStart)
	r.string(bitWorker, i.Worker)
	r.string(bitExecutor, i.Executor)
	r.string(bitPool, i.Pool)
	r.time(bitLease, i.Lease)
	r.flag(bitPushed, i.Pushed)
	r.int(bitMaxTries, i.MaxTries)
	r.intp(bitLength, i.Length)
	r.time(bitDue, i.Due)
	r.int(bitReschedules, i.Reschedules)
	r.int(bitInfra, i.InfraFailures)
	r.int(bitOOM, i.OOMFailures)
	r.string(bitCause, string(i.Cause))
	r.int(bitExit, i.ExitCode)
	r.flag(bitUnmappable, i.Unmappable)

	long := longFields(i)
	if size := len(r.b) + len(long.b) + len(i.Token); long.mask != 0 && size > maxEntry {
		r.ref(bitRef, keep(long.appendTo(nil)))
	} else {
		r.mask, r.b = r.mask|long.mask, append(r.b, long.b...)
	}
	return r.appendTo(appendPrefix(make([]byte, 0, len(r.b)+len(i.Token)+12), i.State, i.Try, i.Token))
}

func longFields(i *run.Instance) *record {
	long := &record{}
	long.string(bitHandle, i.Handle)
	long.string(bitReason, i.Reason)
	if c := i.Choice; c != nil {
		long.flag(bitChoice, true)
		long.list(bitFollowed, c.Followed)
		long.list(bitSkipped, c.Skipped)
	}
	long.string(bitLabel, i.Label)
	long.bytes(bitTrigger, i.Trigger)
	long.string(bitTail, i.Tail)
	long.string(bitNote, i.Note)
	long.int(bitPeak, int(i.PeakMemory))
	return long
}

// decodeInstance reads an entry. The reference, if there is one, is to the long fields.
func decodeInstance(b []byte, i *run.Instance) (*ref, error) {
	r := &reader{b: b}
	state := r.uvarint()
	i.Try = int(r.varint())
	i.Token = r.token()
	if state >= uint64(run.NumStates) {
		r.fail(fmt.Errorf("it has an unknown state %d", state))
	}
	if r.err != nil {
		return nil, r.err
	}
	i.State = run.State(state)
	r.mask = r.uvarint()
	i.QueuedAt = r.time(bitQueued)
	i.Start = r.time(bitStart)
	i.End = r.time(bitEnd)
	i.FirstStart = r.time(bitFirstStart)
	i.Worker = r.string(bitWorker)
	i.Executor = r.string(bitExecutor)
	i.Pool = r.string(bitPool)
	i.Lease = r.time(bitLease)
	i.Pushed = r.flag(bitPushed)
	i.MaxTries = r.int(bitMaxTries)
	i.Length = r.intp(bitLength)
	i.Due = r.time(bitDue)
	i.Reschedules = r.int(bitReschedules)
	i.InfraFailures = r.int(bitInfra)
	i.OOMFailures = r.int(bitOOM)
	i.Cause = run.Cause(r.string(bitCause))
	i.ExitCode = r.int(bitExit)
	i.Unmappable = r.flag(bitUnmappable)
	long := r.ref(bitRef)
	r.long(i)
	return long, r.end()
}

func decodeLong(b []byte, i *run.Instance) error {
	r := readRecord(b)
	r.long(i)
	return r.end()
}

func (r *reader) long(i *run.Instance) {
	if r.mask>>bitLong == 0 {
		return
	}
	i.Handle = r.string(bitHandle)
	i.Reason = r.string(bitReason)
	if r.flag(bitChoice) {
		i.Choice = &run.Choice{Followed: r.list(bitFollowed), Skipped: r.list(bitSkipped)}
	}
	i.Label = r.string(bitLabel)
	i.Trigger = r.bytes(bitTrigger)
	i.Tail = r.string(bitTail)
	i.Note = r.string(bitNote)
	i.PeakMemory = int64(r.int(bitPeak))
}

// The fields of a run's body. What conditions and creations are about is not in it:
// state, clear number, logical date.
const (
	bitRunDAG = iota
	bitRunID
	bitRunType
	bitRunVersion
	bitRunAfter
	bitRunQueued
	bitRunStart
	bitRunEnd
	bitRunFrom
	bitRunTo
	bitRunConf
	bitRunNote
	bitRunBy
	bitRunBackfill
	bitRunReason
	bitRunEvents
	bitRunOwed
)

// owing is what few runs have.
type owing struct {
	Owed      []run.Call     `json:"owed,omitempty"`
	Deadlines []run.Deadline `json:"deadlines,omitempty"`
}

func encodeRun(v *run.Run) ([]byte, error) {
	r := record{b: make([]byte, 0, 192)}
	r.string(bitRunDAG, v.DAG)
	r.string(bitRunID, v.Run)
	r.string(bitRunType, string(v.Type))
	r.string(bitRunVersion, v.Version)
	r.time(bitRunAfter, v.RunAfter)
	r.time(bitRunQueued, v.QueuedAt)
	r.time(bitRunStart, v.Start)
	r.time(bitRunEnd, v.End)
	r.timep(bitRunFrom, v.IntervalStart)
	r.timep(bitRunTo, v.IntervalEnd)
	r.bytes(bitRunConf, v.Conf)
	r.string(bitRunNote, v.Note)
	r.string(bitRunBy, v.TriggeredBy)
	r.string(bitRunBackfill, v.Backfill)
	r.string(bitRunReason, v.Reason)
	if len(v.Events) > 0 {
		b, err := json.Marshal(v.Events)
		if err != nil {
			return nil, fmt.Errorf("encoding the asset events of run %s: %w", v.ID, err)
		}
		r.bytes(bitRunEvents, b)
	}
	if v.Owes() {
		b, err := json.Marshal(owing{v.Owed, v.Deadlines})
		if err != nil {
			return nil, fmt.Errorf("encoding the calls that run %s owes: %w", v.ID, err)
		}
		r.bytes(bitRunOwed, b)
	}
	return r.appendTo(nil), nil
}

func decodeRun(b []byte, v *run.Run) error {
	r := readRecord(b)
	v.DAG = r.string(bitRunDAG)
	v.Run = r.string(bitRunID)
	v.Type = run.Type(r.string(bitRunType))
	v.Version = r.string(bitRunVersion)
	v.RunAfter = r.time(bitRunAfter)
	v.QueuedAt = r.time(bitRunQueued)
	v.Start = r.time(bitRunStart)
	v.End = r.time(bitRunEnd)
	v.IntervalStart = r.timep(bitRunFrom)
	v.IntervalEnd = r.timep(bitRunTo)
	v.Conf = r.bytes(bitRunConf)
	v.Note = r.string(bitRunNote)
	v.TriggeredBy = r.string(bitRunBy)
	v.Backfill = r.string(bitRunBackfill)
	v.Reason = r.string(bitRunReason)
	if events := r.bytes(bitRunEvents); events != nil {
		if err := json.Unmarshal(events, &v.Events); err != nil {
			return fmt.Errorf("its asset events: %w", err)
		}
		for i := range v.Events {
			v.Events[i].At = v.Events[i].At.UTC()
		}
	}
	if owed := r.bytes(bitRunOwed); owed != nil {
		var o owing
		if err := json.Unmarshal(owed, &o); err != nil {
			return fmt.Errorf("the calls that it owes: %w", err)
		}
		o.inUTC()
		v.Owed, v.Deadlines = o.Owed, o.Deadlines
	}
	return r.end()
}

func (o *owing) inUTC() {
	for i := range o.Owed {
		o.Owed[i].At = o.Owed[i].At.UTC()
	}
	for i := range o.Deadlines {
		o.Deadlines[i].At = o.Deadlines[i].At.UTC()
	}
}
