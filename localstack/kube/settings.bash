# shellcheck shell=bash
# Where the Kubernetes of the tests keeps its things, on which addresses it listens, and what
# all scripts here say and ask. Each of these may be given in the environment:
#
#   KUBE_DIR         programs, images, the running cluster (default: .local/kube beside go.mod)
#   KUBE_IP          KUBE_PORT  KUBE_SERVICES: the API server. It is the first address of the
#                    service range, so that in-cluster configuration works without kube-proxy
#   KUBE_NODE        the node's name. It must resolve to loopback: logs and exec go to it
#   KUBE_BRIDGE      KUBE_SUBNET: a bridge with the node's address, and the network of pods
#                    that do not use the host's
#   KUBE_KUBELET_IP  KUBE_KUBELET_PORT  KUBE_ETCD_PORT (and the port after it)
#   KUBE_POD_API     port on the bridge that leads pods of that network to the API server
#   KUBE_MAX_PODS  KUBE_NODE_GRACE  KUBE_POD_GC: settings of Kubernetes by these names
#   KUBE_WAIT        seconds to wait for a component until it answers
# shellcheck disable=SC2034 # read by the scripts that source this

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
kube=${KUBE_DIR:-${STATE:-$here/../../.local}/kube}
mkdir -p "$kube"/{bin,images}
kube=$(cd "$kube" && pwd)
bin=$kube/bin       # programs, kept by down
images=$kube/images # image archives, kept by down
run=$kube/run       # the running cluster, removed by down

kube_ip=${KUBE_IP:-127.1.0.1}
kube_port=${KUBE_PORT:-443}
services=${KUBE_SERVICES:-127.1.0.0/24}
node=${KUBE_NODE:-localhost}
bridge=${KUBE_BRIDGE:-kube0}
subnet=${KUBE_SUBNET:-198.51.100}
node_ip=$subnet.1
# The API server's nodes/proxy takes no loopback address: for it, set the node's.
kubelet_ip=${KUBE_KUBELET_IP:-127.0.0.1}
kubelet_port=${KUBE_KUBELET_PORT:-10250}
etcd_port=${KUBE_ETCD_PORT:-12379}
pod_api_port=${KUBE_POD_API:-16443}
wait_seconds=${KUBE_WAIT:-120}
room_needed=3000 # MB: programs and images take 1,000, what pods and their images leave the rest

admin=$run/admin.kubeconfig
socket=$run/containerd.sock
PATH=$PATH:/usr/sbin:/sbin

# In the order in which they are started.
all_components=(etcd kube-apiserver containerd kube-controller-manager kube-scheduler kubelet forward)

kubectl() { "$bin/kubectl" --kubeconfig "$admin" "$@"; }
ctr() { command ctr -a "$socket" -n k8s.io "$@"; }

# die MESSAGE...: says what is wrong and what helps, and ends.
die() {
  printf '%s\n' "$@" >&2
  exit 1
}

# say WHAT MESSAGE...: one line of progress; standard output is for results.
say() {
  local what=$1
  shift
  printf '%-10s %s\n' "$what" "$*" >&2
}

# usage: the comment at the top of the script, when it was called in a wrong way.
usage() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

# lock: only one of up and down at a time.
lock() {
  exec 9> "$kube/lock"
  flock 9
}

# until_true WHAT COMMAND...: tries the command ten times a second.
until_true() {
  local what=$1 deadline=$((SECONDS + wait_seconds))
  shift
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] ||
      die "no $what within $wait_seconds s (KUBE_WAIT=... sets it); the logs are in $run/log"
    sleep 0.1
  done
}
