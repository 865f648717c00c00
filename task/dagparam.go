package task

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/params"
)

// dagParam is the name of the param that an object stands for: an argument of a function
// with @dag, passed on to a task.
func dagParam(o dag.Object) (name string, ok bool) {
	if o.Class != "airflow.sdk.definitions.param.DagParam" || len(o.Args) != 1 {
		return "", false
	}
	name, ok = o.Args[0].(string)
	return name, ok
}

// param is the value of a param in this run: that of its conf, or else the DAG's.
func (x *execution) param(name string) (any, error) {
	var conf map[string]any
	if len(x.w.Run.Conf) > 0 {
		d := json.NewDecoder(bytes.NewReader(x.w.Run.Conf))
		d.UseNumber()
		if err := d.Decode(&conf); err != nil {
			conf = nil // what is no object overrides nothing
		}
	}
	v, ok := params.Merge(x.a.DAG.Params, x.a.Task.Params, conf)[name]
	if !ok {
		return nil, Misconfigured(fmt.Errorf("the DAG has no param %q", name))
	}
	return v, nil
}
