// Package kube composes the controller of the kubernetes executor: an installation's queue,
// store and logs on one side, the pods of a cluster on the other. It is for cmd/updraft-kube;
// nothing else links it, since Kubernetes' client is large.
package kube
