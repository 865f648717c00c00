package embedded

import (
	"context"

	"github.com/updraft-dev/updraft/dag/dagyaml"
)

// Convert writes the DAGs of a file as a DAG file in YAML, and says what of them has no
// form there. Nothing is stored.
func (i *Installation) Convert(ctx context.Context, path string) (text []byte, lost []dagyaml.Lost, err error) {
	files, err := i.checkPath(ctx, path, false)
	if err != nil {
		return nil, nil, err
	}
	if files[0].Err != nil {
		return nil, nil, files[0].Err
	}
	text, lost, err = dagyaml.Write(files[0].DAGs)
	if err != nil {
		return nil, nil, err
	}
	o := i.fileOptions(i.Config.Text("dags"), "converted.yaml")
	o.DefaultsDir, o.ReadFile, o.Env, o.Compat = "", nil, nil, 3
	return text, append(lost, dagyaml.Check(text, files[0].DAGs, lost, o)...), nil
}
