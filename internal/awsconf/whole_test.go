package awsconf_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/internal/awsconf"
)

// answering answers before it has read the body, which it is asked for later.
type answering struct{ body io.Reader }

func (a *answering) Do(r *http.Request) (*http.Response, error) {
	a.body = r.Body
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// closeable is a body that has nothing more when it is closed.
type closeable struct {
	io.Reader
	closed bool
}

func (c *closeable) Read(p []byte) (int, error) {
	if c.closed {
		return 0, io.ErrClosedPipe
	}
	return c.Reader.Read(p)
}

func (c *closeable) Close() error {
	c.closed = true
	return nil
}

// TestWhole: a body that the SDK closes when the answer begins is there for who still sends
// it; one that is too large for memory is left as it is.
func TestWhole(t *testing.T) {
	t.Parallel()
	for length, want := range map[int64]string{4: "body", 16 << 20: "body", 16<<20 + 1: "", -1: ""} {
		client := &answering{}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://here", &closeable{Reader: strings.NewReader("body")})
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = length
		if _, err := awsconf.Whole(client).Do(r); err != nil {
			t.Fatal(err)
		}
		if err := r.Body.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(client.body)
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("of a body of %d bytes that was closed, %q is left, %v; want %q", length, got, err, want)
		}
	}
}
