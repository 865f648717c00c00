package dagfile

import (
	"fmt"
	"strings"

	"github.com/updraft-dev/updraft/dag"
)

// asset reads a URI or an object of Asset or AssetAlias.
func (l *loader) asset(p place, n *node) (dag.AssetRef, bool) {
	if n.kind == kindText && strings.TrimSpace(n.text) != "" {
		uri := strings.TrimSpace(n.text)
		return dag.AssetRef{Name: uri, URI: uri, Group: "asset"}, true
	}
	if n.kind != kindObject || classOf(n.text) != classAsset && classOf(n.text) != classAssetAlias {
		l.wrong(p, n, "a URI or an asset", "write {__type__: airflow.sdk.Asset, uri: s3://bucket/key}")
		return dag.AssetRef{}, false
	}
	names := []string{"name", "uri"}
	if classOf(n.text) == classAssetAlias {
		names = []string{"name", "group"}
	}
	args, err := arguments(n, names...)
	if err != nil {
		l.problem(n.at, p.task, err.Error(), "")
		return dag.AssetRef{}, false
	}
	text := func(name string) string {
		v := args[name]
		if v.isNull() {
			return ""
		}
		s, _ := l.text(place{p.task, name}, v)
		return s
	}
	if classOf(n.text) == classAssetAlias {
		return dag.AssetRef{Alias: text("name")}, l.named(p, n, text("name"))
	}
	a := dag.AssetRef{Name: text("name"), URI: text("uri"), Group: text("group")}
	if a.Name == "" {
		a.Name = a.URI
	}
	if a.URI == "" {
		a.URI = a.Name
	}
	if a.Group == "" {
		a.Group = "asset"
	}
	if extra := args["extra"]; !extra.isNull() {
		a.Extra = l.values(place{p.task, "extra"}, extra)
	}
	return a, l.named(p, n, a.Name)
}

func (l *loader) named(p place, n *node, name string) bool {
	if name == "" {
		l.problem(n.at, p.task, fmt.Sprintf("an %s needs a name", classOf(n.text)), "add name or uri")
	}
	return name != ""
}

// assets reads inlets and outlets.
func (l *loader) assets(p place, n *node) []dag.AssetRef {
	if n.kind != kindList {
		n = newList(n.at, []*node{n})
	}
	var out []dag.AssetRef
	for _, v := range n.list {
		if a, ok := l.asset(p, v); ok {
			out = append(out, a)
		}
	}
	return out
}
