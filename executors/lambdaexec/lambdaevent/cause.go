package lambdaevent

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/updraft-dev/updraft/run"
)

// ends are the errors that Lambda itself reports of a function, with what they mean for an
// attempt; the first whose texts are in the error's type and message is the one. Source:
// the error types of the Runtime API and of platform.report log events in Lambda's
// developer guide ("Troubleshoot execution issues", "Telemetry API schema reference").
var ends = []struct {
	kind, message string
	cause         run.Cause
	// reason has the name of the function put in.
	reason string
}{
	{"Sandbox.Timedout", "", run.CauseTimeout, "function %s was ended at its time-out: set execution_timeout, and above what Lambda allows the task goes to Fargate"},
	{"", "Task timed out after", run.CauseTimeout, "function %s was ended at its time-out: set execution_timeout, and above what Lambda allows the task goes to Fargate"},
	{"Runtime.OutOfMemory", "", run.CauseOOM, "function %s ran out of memory: ask for more (resources: memory)"},
	{"", "signal: killed", run.CauseOOM, "function %s was killed, which Lambda does to one that is out of memory: ask for more (resources: memory)"},
	{"Function.ResponseSizeTooLarge", "", run.CauseInfra, "the answer of function %s was too large: this is a fault of the worker"},
	{"Runtime.InvalidEntrypoint", "", run.CauseImage, "function %s cannot be started: its handler or architecture does not match its code"},
	{"Runtime.InvalidWorkingDir", "", run.CauseImage, "function %s cannot be started: its working directory does not exist"},
	{"Runtime.ImportModuleError", "", run.CauseImage, "function %s cannot be started: its code lacks a module"},
	{"Runtime.HandlerNotFound", "", run.CauseImage, "function %s cannot be started: its handler is not in its code"},
	{"InvalidImage", "", run.CauseImage, "function %s cannot be started: its image cannot be used"},
	{"ImageAccessDenied", "", run.CauseImage, "function %s cannot be started: Lambda may not read its image"},
	{"KMS", "", run.CauseConfig, "function %s cannot be started: the key of its environment cannot be used"},
	{"EFS", "", run.CauseInfra, "the file system of function %s could not be mounted"},
	{"ENILimitReached", "", run.CauseQuota, "function %s has no network interface left: raise the quota"},
	{"SubnetIPAddressLimitReached", "", run.CauseQuota, "function %s has no address left in its subnets: add larger ones"},
	{"Extension.", "", run.CauseInfra, "an extension of function %s failed"},
	{"Runtime.ExitError", "", run.CauseInfra, "the worker in function %s died"},
	{"Runtime.", "", run.CauseInfra, "the runtime of function %s failed"},
	{"Sandbox.", "", run.CauseInfra, "the machine of function %s failed"},
	{"", "TooManyRequests", run.CauseInfra, "function %s was throttled"},
}

// judgeAnswer says what the error of a function means.
func judgeAnswer(a answer, function string) (cause run.Cause, exit int, reason string) {
	for _, e := range ends {
		if strings.Contains(a.Type, e.kind) && strings.Contains(a.Message, e.message) {
			reason = fmt.Sprintf(e.reason, function)
			if detail := detailOf(a.Message); e.cause == run.CauseInfra && detail != "" {
				reason += ": " + detail
			}
			return e.cause, exitCode(a.Message), reason
		}
	}
	detail := detailOf(a.Message)
	if detail == "" {
		detail = "it gave no reason"
	}
	return run.CauseInfra, 0, fmt.Sprintf("the worker in function %s failed: %s", function, detail)
}

var exitStatus = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`exit status (\d{1,3})\b`) })

// exitCode is the exit code in "Runtime exited with error: exit status 1"; -1 of a signal.
func exitCode(message string) int {
	if m := exitStatus().FindStringSubmatch(message); m != nil {
		n, err := strconv.Atoi(m[1])
		if err == nil {
			return n
		}
	}
	if strings.Contains(message, "signal: ") {
		return -1
	}
	return 0
}

var requestPrefix = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^RequestId: \S+ (Error: )?`) })

// maxDetail bounds what is kept of a message, in characters.
const maxDetail = 200

// detailOf is a message as the end of a sentence: one line, without the request's id.
func detailOf(message string) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(message, "\uFFFD")), " ")
	s = requestPrefix().ReplaceAllString(s, "")
	if utf8.RuneCountInString(s) > maxDetail {
		s = string([]rune(s)[:maxDetail-1]) + "…"
	}
	return s
}
