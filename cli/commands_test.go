package cli_test

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/cli"
)

// TestExamples: --help of every command that does something shows how it is called.
func TestExamples(t *testing.T) {
	t.Parallel()
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.Hidden {
				continue
			}
			if !sub.HasSubCommands() && sub.Example == "" {
				t.Errorf("%s has no example", sub.CommandPath())
			}
			for line := range strings.Lines(sub.Example) {
				if !strings.Contains(line, sub.CommandPath()) {
					t.Errorf("an example of %s is %q", sub.CommandPath(), line)
				}
			}
			check(sub)
		}
	}
	check(cli.Commands())
}
