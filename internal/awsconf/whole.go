package awsconf

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// maxWhole bounds the bodies that are sent from memory of their own, in bytes: those of S3
// alone are larger.
const maxWhole = 16 << 20

// Whole returns a client that sends requests whose bodies the SDK cannot close. It closes
// each as soon as the answer begins (smithy-go, ClientHandler.Handle), and where there is
// little processor time net/http may not have seen the end of the body by then: it takes that
// for a failure and closes the connection in the middle of the answer.
func Whole(client aws.HTTPClient) aws.HTTPClient { return whole{client} }

type whole struct{ client aws.HTTPClient }

// Do implements aws.HTTPClient.
func (w whole) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength >= 0 && r.ContentLength <= maxWhole {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, fmt.Errorf("read the body of a request: %w", err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return w.client.Do(r)
}
