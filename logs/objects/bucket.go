package objects

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors of every Bucket; compare with errors.Is. Errors for people name the bucket and
// the remedy.
var (
	// ErrNotFound says that there is no such object.
	ErrNotFound = errors.New("object not found")
	// ErrCondition says that the condition of a Put did not hold: nothing was written.
	ErrCondition = errors.New("the object has changed meanwhile")
	// ErrNoBucket says that the bucket does not exist, or not in this region.
	ErrNoBucket = errors.New("bucket not found")
	// ErrDenied says that the credentials are wrong, too old, or allow too little.
	ErrDenied = errors.New("access denied")
	// ErrBusy says that the service asked to slow down until the client gave up. It may be
	// tried again.
	ErrBusy = errors.New("the service asks to slow down")
)

// MaxKey is how long a key may be, in bytes.
const MaxKey = 1024

// Bucket keeps objects by keys. What one call has written or deleted, every later call
// sees, also of other processes, and also in lists: S3, Google Cloud Storage and MinIO
// promise so. All methods may be called concurrently; their client repeats what may be
// repeated.
type Bucket interface {
	// Put writes an object whole, or nothing.
	Put(ctx context.Context, p Put) error
	// Get reads from a place in an object on into p. Less than len(p) without an error is
	// the end of the object. ErrNotFound says that there is none.
	Get(ctx context.Context, key string, p []byte, from int64) (int, error)
	// Head describes an object, or ErrNotFound.
	Head(ctx context.Context, key string) (Object, error)
	// List gives a page of the objects whose keys begin with a prefix, in the order of
	// their keys' bytes. The first page has no token. Their Meta is not told.
	List(ctx context.Context, prefix, token string) (Page, error)
	// Delete removes objects, any number of them. What is not there is no error.
	Delete(ctx context.Context, keys ...string) error
}

// Put is an object to be written.
type Put struct {
	// Key has at most MaxKey bytes.
	Key  string
	Body []byte
	// Meta has keys of lower-case letters and values of printable ASCII, few of them.
	Meta map[string]string
	// If says when to write: ErrCondition otherwise. An answer may be lost after the object
	// was written, and the client's next try then finds it there: whoever sets a condition
	// looks, after ErrCondition, whether the object is its own.
	If Condition
}

// Condition says what must be so when an object is written. The zero value is no condition.
type Condition struct {
	// Absent: there is no such object.
	Absent bool
	// Version: it still has this version.
	Version string
}

// Object describes an object.
type Object struct {
	Key      string
	Size     int64
	Modified time.Time
	// Version changes whenever an object is written that is not the same.
	Version string
	// Meta is what Put was given. List leaves it nil.
	Meta map[string]string
}

// Page is a part of a list.
type Page struct {
	Objects []Object
	// Next is the token of the next page; empty after the last one.
	Next string
}

// Cause is an error of a service, made understandable.
type Cause struct {
	// Kind is one of the errors of this package.
	Kind error
	// Bucket is the bucket's URL.
	Bucket string
	// Remedy says what to do.
	Remedy string
	// Err is what the service said.
	Err error
}

// Error implements error.
func (c *Cause) Error() string {
	return fmt.Sprintf("%s: %v: %s (%v)", c.Bucket, c.Kind, c.Remedy, c.Err)
}

// Unwrap lets errors.Is find both the kind and what the service said.
func (c *Cause) Unwrap() []error { return []error{c.Kind, c.Err} }
