package kubepod

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
)

// maxRequest bounds a request, in bytes; the largest part of it is a DAG.
const maxRequest = 64 << 20

// Answer reads a kubeevent.ShowRequest and writes the pod that it asks for. The errors are
// those of Build, and about what cannot be read.
func (b *Builder) Answer(in io.Reader, out io.Writer) error {
	var q kubeevent.ShowRequest
	if err := json.NewDecoder(io.LimitReader(in, maxRequest)).Decode(&q); err != nil {
		return fmt.Errorf("read which pod to show: %w", err)
	}
	d, err := dag.Decode(q.DAG)
	if err != nil {
		return fmt.Errorf("read which pod to show: %w", err)
	}
	g, err := dag.NewGraph(d)
	if err != nil {
		return fmt.Errorf("read which pod to show: %w", err)
	}
	w := &executors.Work{Graph: g, Run: q.Run, Instance: q.Instance, Memory: q.Memory}
	var text []byte
	if q.JSON {
		text, err = b.marshal(w)
	} else {
		text, err = b.Show(w)
	}
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

func (b *Builder) marshal(w *executors.Work) ([]byte, error) {
	pod, err := b.Build(w)
	if err != nil {
		return nil, err
	}
	tree, err := treeOf(pod)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(tree, "", "  ")
	return append(text, '\n'), err
}
