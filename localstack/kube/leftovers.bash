# shellcheck shell=bash
# Taking down what up started, and nothing else, after a crash too. Sourced after
# processes.bash.
# shellcheck disable=SC2154 # run, socket

mounts_below() { awk -v folder="$1/" 'index($5, folder) == 1 { print $5 }' /proc/self/mountinfo; }

# stop_components: the kubelet first, or it starts again what is stopped after it.
stop_components() {
  local id name
  stop kubelet
  if running containerd; then
    for id in $(ctr tasks ls -q 2> /dev/null); do ctr tasks rm -f "$id" > /dev/null 2>&1 || true; done
  fi
  for name in forward kube-scheduler kube-controller-manager kube-apiserver containerd etcd; do stop "$name"; done
}

# end_shims: what a containerd that was killed leaves: its shims, known by the path of its
# socket, and their containers.
end_shims() {
  local process child
  for process in /proc/[0-9]*; do
    if tr '\0' '\n' 2> /dev/null < "$process/cmdline" | grep -qxF -- "$socket"; then
      cat "$process"/task/*/children 2> /dev/null | tr ' ' '\n' | while read -r child; do kill -KILL "$child" 2> /dev/null || true; done
      kill -KILL "${process#/proc/}" 2> /dev/null || true
    fi
  done
}

# unmount: containers' file systems and pods' volumes; a container that is just ending still
# holds its own.
unmount() {
  local i mount
  for ((i = 0; i < 50; i++)); do
    [ -n "$(mounts_below "$run")" ] || return 0
    mounts_below "$run" | tac | while read -r mount; do
      umount "$mount" 2> /dev/null || umount -l "$mount" 2> /dev/null || true
    done
    sleep 0.1
  done
  die "$(mounts_below "$run" | head -n 1) is still mounted: end what uses it, and try again"
}

remove_cgroups() {
  local hierarchy i
  for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -d "$hierarchy/kubepods" ] || continue
    for ((i = 0; i < 30; i++)); do
      find "$hierarchy/kubepods" -depth -type d -exec rmdir {} + 2> /dev/null && break
      sleep 0.1
    done
  done
}

remove_bridge() {
  local name
  name=$(cat "$run/bridge" 2> /dev/null) || return 0
  ip link del "$name" 2> /dev/null || true
  while iptables -w -D FORWARD -i "$name" -o "$name" -j ACCEPT 2> /dev/null; do :; done
}

# remove_folders: those of the kubelet outside of ours, if they were not there before, and
# the running cluster's own.
remove_folders() {
  find /var/log/containers -maxdepth 1 -lname "$run/*" -delete 2> /dev/null || true
  rmdir /var/log/containers 2> /dev/null || true
  if [ -e "$run/var-lib-kubelet" ]; then
    rm -rf /var/lib/kubelet/device-plugins
    rmdir /var/lib/kubelet 2> /dev/null || true
  fi
  rm -rf --one-file-system "$run"
}

take_down() {
  [ -d "$run" ] || return 0
  stop_components
  end_shims
  unmount
  remove_cgroups
  remove_bridge
  remove_folders
}
