// Command bench measures Updraft on this machine: times as ratios to a floor or to each
// other, counts as gates. It writes what it measured, with facts about the machine, to
// a JSON file, and exits with 1 when a gate is missed.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"
	_ "time/tzdata"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/localexec/process"
)

// Figure is one thing measured.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Aim is the most (or, for Least, the least) it should be; 0 is none.
	Aim   float64 `json:"aim,omitempty"`
	Least bool    `json:"least,omitempty"`
	// Gate says that a miss fails the program: counts and ratios, not times.
	Gate bool `json:"gate,omitempty"`
}

// Met says whether the aim is reached.
func (f Figure) Met() bool {
	return f.Aim == 0 || f.Least && f.Value >= f.Aim || !f.Least && f.Value <= f.Aim
}

// Report is the file that is written.
type Report struct {
	At      time.Time `json:"at"`
	Go      string    `json:"go"`
	OS      string    `json:"os"`
	Arch    string    `json:"arch"`
	Cores   int       `json:"cores"`
	CPU     string    `json:"cpu,omitempty"`
	Kernel  string    `json:"kernel,omitempty"`
	Figures []Figure  `json:"figures"`
}

// measurement is a named set of figures.
type measurement struct {
	name string
	run  func(ctx context.Context, b *bench) error
}

func measurements() []measurement {
	return []measurement{
		{"floor", floor},
		{"chain", chains},
		{"fan", fans},
		{"noop", noops},
		{"python", pythons},
		{"start", starts},
		{"memory", memory},
		{"files", files},
		{"pyfiles", pyfiles},
		{"due", due},
	}
}

// bench is what measurements share.
type bench struct {
	self    string // bin/updraft
	dir     string
	figures []Figure
	quick   bool
}

func (b *bench) add(f Figure) {
	b.figures = append(b.figures, f)
	mark := "  "
	switch {
	case f.Aim == 0:
	case f.Met():
		mark = "ok"
	case f.Gate:
		mark = "!!"
	default:
		mark = "> "
	}
	aim := ""
	if f.Aim != 0 {
		sign := "<="
		if f.Least {
			sign = ">="
		}
		aim = fmt.Sprintf("(aim %s %g)", sign, f.Aim)
	}
	fmt.Printf("%s %-52s %12.4g %-10s %s\n", mark, f.Name, f.Value, f.Unit, aim)
}

// value returns a figure measured before.
func (b *bench) value(name string) float64 {
	for _, f := range b.figures {
		if f.Name == name {
			return f.Value
		}
	}
	return 0
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == embedded.ShepherdCommand {
		if err := process.Shepherd(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	self := flag.String("updraft", "bin/updraft", "the program to measure")
	only := flag.String("run", ".", "measurements to run, a regular expression")
	out := flag.String("o", "internal/bench/results/latest.json", "file to write")
	quick := flag.Bool("quick", false, "smaller sizes")
	profile := flag.String("cpuprofile", "", "file for a CPU profile of what runs in this process")
	flag.Parse()
	if *profile != "" {
		stop, err := startProfile(*profile)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		defer stop()
	}
	missed, err := measure(*self, *only, *out, *quick)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if missed > 0 {
		fmt.Fprintf(os.Stderr, "bench: %d gates missed\n", missed)
		os.Exit(1)
	}
}

func startProfile(path string) (stop func(), err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}

func measure(self, only, out string, quick bool) (missed int, err error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return 0, err
	}
	if self, err = filepath.Abs(self); err != nil {
		return 0, err
	}
	if _, err := os.Stat(self); err != nil {
		return 0, fmt.Errorf("%w: run `make build` first", err)
	}
	dir, err := os.MkdirTemp("", "updraft-bench-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	b := &bench{self: self, dir: dir, quick: quick}
	for _, m := range measurements() {
		if !pattern.MatchString(m.name) {
			continue
		}
		if err := m.run(context.Background(), b); err != nil {
			return 0, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	for _, f := range b.figures {
		if f.Gate && !f.Met() {
			missed++
		}
	}
	return missed, write(out, b.figures)
}

func write(path string, figures []Figure) error {
	r := Report{
		At: time.Now().UTC().Truncate(time.Second), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		Cores: runtime.NumCPU(), CPU: cpuName(), Kernel: kernel(), Figures: figures,
	}
	body, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(body, '\n'), 0o644)
}

func cpuName() string {
	body, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(body)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func kernel() string {
	out, err := exec.Command("uname", "-r").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
