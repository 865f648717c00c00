package stacktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/internal/emulatortest"
)

// share is the share of calls that go wrong in each of three ways while there is a storm.
// With the five attempts of the SDK, one call in five thousand fails for good.
const share = 0.06

// Storm has calls of the installation to DynamoDB, SQS and S3 go wrong for a while: refused
// because there were too many, their connection reset before they are done, or their answer
// cut off after. It needs a local AWS that was started with FAULTS=yes. Calls returns how
// many have gone wrong so far, by what went wrong with them.
func Storm(t testing.TB, d time.Duration) (calls func() map[string]int) {
	t.Helper()
	proxy := emulatortest.Faults(t)
	injected := map[string]emulatortest.Injected{}
	for service, code := range map[string]string{
		"dynamodb": "ProvisionedThroughputExceededException", "sqs": "RequestThrottled", "s3": "SlowDown",
	} {
		for how, f := range map[string]emulatortest.Fault{"refused": {Code: code}, "reset": {Reset: true}, "cut off": {CutOff: true}} {
			f.Service, f.Share, f.Duration = service, share, d
			if service == "sqs" {
				f.Share = 2 * share // there are a few calls only
			}
			injected[service+" "+how] = proxy.Inject(t, f)
		}
	}
	return func() map[string]int {
		out := map[string]int{}
		for name, i := range injected {
			out[name] = i.Fired(t)
		}
		return out
	}
}

// errNoFunction says that a function is not at work now.
var errNoFunction = errors.New("no process of it is at work")

// Kill kills a process of a function that is at work, as the loss of its machine would. It
// waits for one.
func (s *Stack) Kill(ctx context.Context, function string) error {
	if err := until(ctx, func() (bool, error) {
		pids, err := s.atWork(function)
		if err != nil || len(pids) == 0 {
			return false, errors.Join(err, errNoFunction)
		}
		p, err := os.FindProcess(pids[0])
		if err != nil {
			return false, err
		}
		err = p.Kill()
		return err == nil, err
	}); err != nil {
		return fmt.Errorf("kill the function %s: %w", function, err)
	}
	return nil
}

// atWork are the processes of a function that are not frozen. The environment tells which
// function of which installation a process is of, and a system other than Linux tells nobody
// the environment of another process.
func (s *Stack) atWork(function string) ([]int, error) {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var out []int
	for _, dir := range folders {
		env, err := os.ReadFile(filepath.Join(dir, "environ"))
		if err != nil { // it is another user's, or over
			continue
		}
		env = append([]byte{0}, env...)
		status, _ := os.ReadFile(filepath.Join(dir, "status"))
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil && bytes.Contains(env, []byte("\x00AWS_LAMBDA_FUNCTION_NAME="+s.Name+"-"+function+"\x00")) &&
			bytes.Contains(env, []byte("\x00UPDRAFT_STORE="+s.outputs["Store"]+"\x00")) && !bytes.Contains(status, []byte("State:\tT")) {
			out = append(out, pid)
		}
	}
	return out, nil
}
