// Package deploycheck proves that template.yaml is what the code expects: its keys, queues,
// settings and, function by function, its permissions. It asks neither AWS nor an emulator,
// none of which would refuse what a policy does not allow before an account does.
package deploycheck
