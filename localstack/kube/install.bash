# shellcheck shell=bash
# What the cluster needs on this machine: packages of Debian, and programs built from Go
# modules. Sourced after settings.bash. A stamp beside each program tells what it was made
# of, so that a change here is built by the next up.
# shellcheck disable=SC2154 # here, bin

# elsewhere: how to run the tests on a machine that this cannot be started on.
elsewhere() {
  printf '%s\n' 'The tests run on any cluster of Kubernetes 1.30 or newer, kind for one:' \
    '  kind create cluster --name updraft && kind get kubeconfig --name updraft > kind.kubeconfig' \
    "  make kube-test KUBECONFIG=\$PWD/kind.kubeconfig KIND=updraft" \
    'See docs/local-kubernetes.md.'
}

# needs_root: mounts, cgroups and a bridge are root's.
needs_root() {
  [ "$(uname -s)" = Linux ] || die "a Kubernetes without containers needs Linux, and this is $(uname -s)." "$(elsewhere)"
  [ "$(id -u)" = 0 ] || die 'a Kubernetes without containers needs root, for mounts, cgroups and a bridge.' "$(elsewhere)"
}

# install_packages: those of Debian that are missing. Their own services are not wanted:
# policy-rc.d keeps them from starting.
install_packages() {
  local package missing=() policy=/usr/sbin/policy-rc.d made='' failed=0
  if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
    die 'needs containerd, runc and plugins of CNI as Debian packages, and apt-get is not on PATH.' "$(elsewhere)"
  fi
  for package in containerd runc containernetworking-plugins iproute2 openssl curl jq; do
    [ "$(dpkg-query -Wf '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say packages "installs ${missing[*]}"
  if [ ! -e "$policy" ]; then
    made=1
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
  fi
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "${missing[@]}" > /dev/null; } || failed=1
  [ -z "$made" ] || rm "$policy"
  [ "$failed" = 0 ] || die "cannot install ${missing[*]}." "$(elsewhere)"
}

# made_of FOLDER: a number that changes when what is built there, or with it, does.
made_of() { (go version && cd "$1" && find . -type f | LC_ALL=C sort | xargs cksum) | cksum; }

# build_components: etcd, the components of Kubernetes and kubectl, in one program of many
# names (eight minutes on two cores the first time, seconds when the build cache has it).
build_components() {
  local stamp version minor variables=k8s.io/component-base/version name
  stamp=$(made_of "$here/components")
  if [ "$(cat "$bin/kube.stamp" 2> /dev/null)" != "$stamp" ]; then
    say components 'builds Kubernetes and etcd: 5 to 10 minutes with an empty build cache'
    version=$(cd "$here/components" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
    minor=${version#v1.}
    # Without its version a server is no semantic version, and charts that ask for one are
    # not installed.
    (cd "$here/components" && CGO_ENABLED=0 nice -n 10 go build -trimpath -o "$bin/kube" -ldflags "-s -w \
      -X $variables.gitVersion=$version -X $variables.gitMajor=1 -X $variables.gitMinor=${minor%%.*} \
      -X $variables.gitTreeState=clean -X $variables.gitCommit=$version -X $variables.buildDate=1970-01-01T00:00:00Z" .)
    printf '%s\n' "$stamp" > "$bin/kube.stamp"
  fi
  for name in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl; do
    ln -sf kube "$bin/$name"
  done
}

# build_tools: what pods run, and what makes images.
build_tools() {
  local stamp
  stamp=$(made_of "$here/tools")
  [ "$(cat "$bin/tools.stamp" 2> /dev/null)" != "$stamp" ] || return 0
  (
    cd "$here/tools" || exit
    go build -o "$bin/" ./mkimage
    CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags '-s -w' -o "$bin/" ./pause ./toy
  )
  printf '%s\n' "$stamp" > "$bin/tools.stamp"
}

# make_images: the two that every cluster has, and that of shell and Python tasks.
make_images() {
  "$here/image" local.test/pause:1 -entrypoint /pause "$bin/pause:/pause"
  "$here/image" local.test/toy:1 -user 65534:65534 -entrypoint /toy "$bin/toy:/toy"
  [ -z "${KIND:-}" ] && [ -f "$images/local.test_tasks_1.tar" ] || "$here/tasks-image"
}
