package filelogs_test

import (
	"testing"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/filelogs"
	"github.com/updraft-dev/updraft/logs/logstest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	logstest.Run(t, func(t testing.TB) logstest.Harness {
		root := t.TempDir()
		return logstest.Harness{Open: func(t testing.TB, maxSize int64) *logs.Logs {
			return open(t, filelogs.Config{Root: root, MaxSize: maxSize})
		}}
	})
}
