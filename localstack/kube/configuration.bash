# shellcheck shell=bash
# The files that the components read. Sourced after settings.bash.
# shellcheck disable=SC2154 # run, bridge, …

# write_audit: what verbs reads. The components themselves and the administrator, who is the
# tests, are nobody's question.
write_audit() {
  cat > "$run/etc/audit.yaml" << 'END'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: ["system:apiserver", "system:kube-scheduler", "system:kube-controller-manager", "admin"]}
- {level: None, userGroups: ["system:nodes", "system:serviceaccounts:kube-system"]}
- {level: Metadata}
END
}

# write_network: pods that do not use the host's network hang on our bridge. Without
# masquerading there is no way out from there, and loopback is not reached either.
write_network() {
  cat > "$run/cni/10-bridge.conflist" << END
{"cniVersion": "0.4.0", "name": "kube", "plugins": [{
  "type": "bridge", "bridge": "$bridge", "isGateway": true, "ipMasq": false, "hairpinMode": true,
  "ipam": {"type": "host-local", "dataDir": "$run/ipam", "ranges": [[{"subnet": "$subnet.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
END
}

# write_containerd: all paths below run, out of the way of another containerd on this
# machine. Without CAP_SYS_RESOURCE nobody may lower a score of the OOM killer.
write_containerd() {
  cat > "$run/etc/containerd.toml" << END
version = 2
root = "$run/containerd/root"
state = "$run/containerd/state"
oom_score = 0
[grpc]
  address = "$socket"
[debug]
  level = "warn"
[plugins."io.containerd.internal.v1.opt"]
  path = "$run/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "local.test/pause:1"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$run/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "$run/runc"
END
}

# write_kubelet: it deletes no image (there is nowhere to pull one from again), and evicts
# only when the machine itself is at its end: it then deletes images, too, even that of the
# sandboxes. Nobody listens at the address of the cluster's
# DNS; without one every pod would get an event that warns of it.
write_kubelet() {
  cat > "$run/etc/kubelet.yaml" << END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $kubelet_ip
port: $kubelet_port
healthzPort: 0
readOnlyPort: 0
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $run/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $run/pki/kubelet.crt
tlsPrivateKeyFile: $run/pki/kubelet.key
containerRuntimeEndpoint: unix://$socket
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
clusterDomain: cluster.local
clusterDNS: [${services%.*}.10]
oomScoreAdj: 0
maxPods: ${KUBE_MAX_PODS:-250}
podLogsDir: $run/pods
volumePluginDir: $run/kubelet/volume-plugins
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi, nodefs.available: 100Mi, nodefs.inodesFree: 1%, imagefs.available: 100Mi, imagefs.inodesFree: 1%}
END
}
