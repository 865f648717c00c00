package awssecrets

import (
	"strconv"
	"testing"
	"time"
)

// TestAnswersAreBounded: names that are not there do not fill the memory.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	c := Default(SecretsManager)
	c.Now = time.Now
	b, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxAnswers + 2 {
		b.keep(strconv.Itoa(i), answer{})
	}
	if n := len(b.answers); n != 2 {
		t.Errorf("%d answers are kept, want the last 2", n)
	}
}
