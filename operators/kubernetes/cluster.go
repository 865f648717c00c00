package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// defaultConnection need not exist.
const defaultConnection = "kubernetes_default"

// cluster reads how the cluster is reached: the arguments come before the connection.
func (r *reader) cluster(ctx context.Context, q *Request) {
	q.Cluster = Cluster{File: get(r, "config_file", ""), Context: get(r, "cluster_context", "")}
	if r.a.Args["in_cluster"] != nil {
		in := get(r, "in_cluster", false)
		q.Cluster.InCluster = &in
	}
	id := defaultConnection
	if v, given := r.a.Args["kubernetes_conn_id"]; given && v == nil {
		id = ""
	}
	if id = get(r, "kubernetes_conn_id", id); id != "" {
		conn, err := r.a.Settings.Connection(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound) && id == defaultConnection:
		case err != nil:
			r.errs = append(r.errs, fmt.Errorf("kubernetes_conn_id: %w", err))
			return
		default:
			r.connection(q, &conn)
		}
	}
	if f := q.Cluster.File; f != "" && !filepath.IsAbs(f) {
		q.Cluster.File = filepath.Join(r.a.Dir, f)
	}
	chosen := 0
	for _, given := range []bool{q.Cluster.InCluster != nil && *q.Cluster.InCluster, q.Cluster.File != "", q.Cluster.Config != ""} {
		if given {
			chosen++
		}
	}
	if chosen > 1 {
		r.fault("in_cluster, config_file (kube_config_path) and kube_config exclude each other: leave one of them, in the arguments and in connection %s", id)
	}
}

// connection reads the extra of a connection, whose keys older installations begin with
// extra__kubernetes__.
func (r *reader) connection(q *Request, c *settings.Connection) {
	extra := c.ExtraMap()
	field := func(name string) any {
		if v, ok := extra[name]; ok && v != nil && v != "" {
			return v
		}
		if v := extra["extra__kubernetes__"+name]; v != "" {
			return v
		}
		return nil
	}
	text := func(name string) string { v, _ := field(name).(string); return v }
	if disabled, _ := field("disable_verify_ssl").(bool); disabled {
		r.errs = append(r.errs, task.Misconfigured(fmt.Errorf(
			"connection %s: disable_verify_ssl: a cluster whose certificate is not verified is not used: give its authority in the kubeconfig", c.ID)))
	}
	if in, ok := field("in_cluster").(bool); ok && q.Cluster.InCluster == nil && in {
		q.Cluster.InCluster = &in
	}
	if q.Cluster.File == "" {
		q.Cluster.File = text("kube_config_path")
	}
	if q.Cluster.Context == "" {
		q.Cluster.Context = text("cluster_context")
	}
	q.Cluster.Config, q.Cluster.Namespace = text("kube_config"), text("namespace")
	if dict, ok := field("kube_config").(map[string]any); ok {
		q.Cluster.Config = string(r.json("kube_config", dict))
	}
	q.XComImage = text("xcom_sidecar_container_image")
	switch v := field("xcom_sidecar_container_resources").(type) {
	case string:
		q.XComResources = json.RawMessage(v)
	case map[string]any:
		q.XComResources = r.json("xcom_sidecar_container_resources", v)
	}
	if q.XComResources != nil && !json.Valid(q.XComResources) {
		r.fault("connection %s: xcom_sidecar_container_resources is no JSON: write {\"limits\": {\"memory\": \"64Mi\"}}", c.ID)
		q.XComResources = nil
	}
}
