package doctest

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/cli"
)

// TestCommands: every command line of updraft in a sh block names a command that
// exists, with flags that it has and as many arguments as it takes. Nothing is run.
func TestCommands(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			if b.language() != "sh" {
				continue
			}
			commands, err := split(b.text)
			if err != nil {
				t.Errorf("%s:%d: %v", d.name, b.line, err)
			}
			for _, words := range commands {
				for len(words) > 0 && (strings.Contains(words[0], "=") || words[0] == "sudo") {
					words = words[1:]
				}
				if len(words) == 0 || path.Base(words[0]) != "updraft" {
					continue
				}
				seen++
				if err := checkCommand(words[1:]); err != nil {
					t.Errorf("%s:%d: %s: %v", d.name, b.line, strings.Join(words, " "), err)
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d commands found: are the documents read?", seen)
	}
}

func checkCommand(words []string) error {
	cmd, rest, err := cli.Commands().Find(words)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	args := cmd.Flags().Args()
	if cmd.HasSubCommands() && len(args) > 0 {
		return fmt.Errorf("%s has no command %s", cmd.CommandPath(), args[0])
	}
	if cmd.HasSubCommands() || cmd.Args == nil {
		return nil
	}
	return cmd.Args(cmd, args)
}

// split cuts the text of a shell into simple commands of words: quotes, comments, line
// continuations and the operators that end a command; what is redirected is left out.
func split(text string) (commands [][]string, err error) {
	var words []string
	var word strings.Builder
	inWord := false
	redirected := false
	endWord := func() {
		if inWord && !redirected {
			words = append(words, word.String())
		}
		if inWord {
			redirected = false
		}
		word.Reset()
		inWord = false
	}
	endCommand := func() {
		endWord()
		if len(words) > 0 {
			commands = append(commands, words)
		}
		words, redirected = nil, false
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\\':
			if i++; i < len(text) && text[i] != '\n' {
				word.WriteByte(text[i])
				inWord = true
			}
		case '\'', '"':
			end := strings.IndexByte(text[i+1:], c)
			if end < 0 {
				return commands, errors.New("a quote is not closed")
			}
			word.WriteString(text[i+1 : i+1+end])
			inWord = true
			i += 1 + end
		case '#':
			if inWord {
				word.WriteByte(c)
				continue
			}
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case ' ', '\t':
			endWord()
		case '\n', ';', '|', '&':
			endCommand()
		case '>', '<':
			endWord()
			redirected = true
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	endCommand()
	return commands, nil
}

func TestSplit(t *testing.T) {
	t.Parallel()
	got, err := split("a 'b c' \"d\"e \\\n  f # g\n\nX=1 h | i > out j && k#l")
	if want := `[["a" "b c" "de" "f"] ["X=1" "h"] ["i" "j"] ["k#l"]]`; err != nil || fmt.Sprintf("%q", got) != want {
		t.Errorf("%q, %v; want %s", got, err, want)
	}
	if _, err := split("a 'b"); err == nil {
		t.Error("an open quote is no error")
	}
}
