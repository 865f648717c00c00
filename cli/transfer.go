package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
)

// importer is what was read from a file and can be stored, one after another.
type importer struct {
	ids    []string
	check  func(id string) error
	exists func(ctx context.Context, id string) (bool, error)
	put    func(ctx context.Context, id string) error
}

// importCommand makes the sub-command import of a kind of settings.
func (a *app) importCommand(what string, read func(context.Context, *embedded.Installation, string, []byte) (importer, error)) *cobra.Command {
	var action string
	var dryRun bool
	c := &cobra.Command{
		Use: "import FILE", Short: "Import " + what + " from a file", Args: exactly("FILE"),
		Long: "Imports " + what + ` from a file as Airflow exports them: JSON, YAML or .env, by its ending; - reads
JSON from standard input. Nothing is stored if anything in the file is wrong.`,
		Example: examples("updraft "+what+" import "+what+".json", "over what is there", "updraft "+what+" import "+what+".json --dry-run", "only say what would happen"),
	}
	f := c.Flags()
	f.StringVarP(&action, "action-on-existing-key", "a", "overwrite", "overwrite, skip or fail")
	f.BoolVar(&dryRun, "dry-run", false, "store nothing")
	complete(c, "action-on-existing-key", "overwrite", "skip", "fail")
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
		if !slices.Contains([]string{"overwrite", "skip", "fail"}, action) {
			return usagef("--action-on-existing-key %q: use overwrite, skip or fail", action)
		}
		body, err := a.readFile(args[0])
		if err != nil {
			return err
		}
		name := args[0]
		if name == "-" {
			name = "standard input.json"
		}
		in, err := read(ctx, i, name, body)
		if err != nil {
			return err
		}
		return a.importAll(ctx, i, in, action, dryRun)
	})
	return c
}

// importAll stores what was read, after all of it was checked.
func (a *app) importAll(ctx context.Context, i *embedded.Installation, in importer, action string, dryRun bool) error {
	var faults []error
	var ids []string
	skipped := 0
	for _, id := range in.ids {
		if err := in.check(id); err != nil {
			faults = append(faults, err)
			continue
		}
		there, err := in.exists(ctx, id)
		switch {
		case err != nil:
			return err
		case there && action == "fail":
			faults = append(faults, fmt.Errorf("%s exists already: use --action-on-existing-key overwrite or skip", id))
		case there && action == "skip":
			skipped++
		default:
			ids = append(ids, id)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	verb := "imported"
	if dryRun {
		verb = "would be imported"
	} else {
		for _, id := range ids {
			if err := in.put(ctx, id); err != nil {
				return err
			}
		}
		i.Wake()
	}
	a.printf("%d %s, %d skipped\n", len(ids), verb, skipped)
	return nil
}

// exportCommand makes the sub-command export of a kind of settings.
func (a *app) exportCommand(what string, write func(context.Context, *embedded.Installation, settings.Format) ([]byte, int, error)) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "export FILE", Short: "Export " + what + " to a file", Args: exactly("FILE"),
		Example: examples("updraft "+what+" export "+what+".json", "to a file that Airflow reads, too", "updraft "+what+" export -", "to standard output"),
		Long: "Exports " + what + ` as Airflow does, in the format of the file's ending: .json, .yaml or .env; - writes to
standard output. Secrets are written in clear, to a file that only you can read.`,
	}
	c.Flags().StringVar(&format, "format", "", "json, yaml, env or env+json (default: by the file's ending)")
	complete(c, "format", "json", "yaml", "env", "env+json")
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
		f, err := formatOf(args[0], format)
		if err != nil {
			return err
		}
		body, n, err := write(ctx, i, f)
		if err != nil {
			return err
		}
		if args[0] == "-" {
			_, err := a.Stdout.Write(body)
			return err
		}
		if err := replaceFile(args[0], body); err != nil {
			return err
		}
		a.printf("%d exported to %s\n", n, args[0])
		return nil
	})
	return c
}

// replaceFile writes a file that only its owner can read, whole or not at all.
func replaceFile(path string, body []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(body); err != nil {
		f.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}

// formatOf is the format that was asked for, or that of a file's ending.
func formatOf(path, asked string) (settings.Format, error) {
	switch f := settings.Format(asked); f {
	case settings.FormatJSON, settings.FormatYAML, settings.FormatEnv, settings.FormatEnvJSON:
		return f, nil
	case "":
	default:
		return "", usagef("--format %q: use json, yaml, env or env+json", asked)
	}
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".json":
		return settings.FormatJSON, nil
	case ".yaml", ".yml":
		return settings.FormatYAML, nil
	case ".env":
		return settings.FormatEnv, nil
	default:
		if path == "-" {
			return settings.FormatJSON, nil
		}
		return "", usagef("the ending of %s is none of .json, .yaml and .env: rename it, or add --format", path)
	}
}

// exists tells from the error of a look-up whether something is there.
func exists(err error) (bool, error) {
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
