# shellcheck shell=bash
# Starting, watching and stopping the components as processes of their own. Sourced after
# settings.bash. A component is known by its name: run/pid has its process id, and run/cmd
# the words it is started with, one a line, so that tests can start it again.
# shellcheck disable=SC2154 # run, bin, node_ip, …

# running COMPONENT: is it up? A number in an old file may belong to somebody else by now:
# only a process with the same command line is ours.
running() {
  local pid
  pid=$(cat "$run/pid/$1" 2> /dev/null) || return 1
  [ -r "/proc/$pid/cmdline" ] && tr '\0' '\n' < "/proc/$pid/cmdline" 2> /dev/null | cmp -s - "$run/cmd/$1"
}

# component NAME COMMAND...: says how it is started, and starts it.
component() {
  mkdir -p "$run"/{pid,cmd,log}
  printf '%s\n' "${@:2}" > "$run/cmd/$1"
  start "$1"
}

# start COMPONENT: in a session of its own, so that a Ctrl-C here is not for it.
start() {
  local words file
  ! running "$1" || return 0
  mapfile -t words < "$run/cmd/$1"
  (
    # Whoever calls may hold a lock by an open file (flock does), and we are to outlive it.
    for file in /proc/self/fd/*; do
      file=${file##*/}
      [ "$file" -le 2 ] || eval "exec $file>&-"
    done
    umask 022 # or the kubelet makes volumes whose files a pod's user cannot read
    exec setsid nohup "${words[@]}" < /dev/null >> "$run/log/$1" 2>&1
  ) &
  printf '%s\n' "$!" > "$run/pid/$1"
  disown "$!"
}

# stop COMPONENT [SIGNAL]: asks it to end, and after ten seconds makes it.
stop() {
  local pid i
  if running "$1"; then
    pid=$(cat "$run/pid/$1")
    kill -s "${2:-TERM}" "$pid" 2> /dev/null || true
    # One that is paused takes a signal only when it goes on.
    kill -s CONT "$pid" 2> /dev/null || true
    for ((i = 0; i < 100; i++)); do
      running "$1" || break
      sleep 0.1
    done
    ! running "$1" || kill -s KILL "$pid" 2> /dev/null || true
    while running "$1"; do sleep 0.05; done
  fi
  rm -f "$run/pid/$1"
}

# as_admin URL: what the kubelet or another component says to the administrator.
as_admin() {
  curl -fs --max-time 5 --cacert "$run/pki/ca.crt" --cert "$run/pki/admin.crt" --key "$run/pki/admin.key" "$@"
}

# healthy COMPONENT: does it answer?
healthy() {
  case $1 in
    etcd) curl -fs --max-time 5 "http://127.0.0.1:$etcd_port/health" ;;
    kube-apiserver) kubectl get --raw /readyz ;;
    # These two have certificates that they made themselves.
    kube-controller-manager) curl -kfs --max-time 5 https://127.0.0.1:10257/healthz ;;
    kube-scheduler) curl -kfs --max-time 5 https://127.0.0.1:10259/healthz ;;
    containerd) ctr version ;;
    kubelet) as_admin --resolve "$node:$kubelet_port:$kubelet_ip" "https://$node:$kubelet_port/healthz" ;;
    forward) (exec 3<> "/dev/tcp/$node_ip/$pod_api_port") ;;
    *) die "unknown component $1: there are ${all_components[*]}" ;;
  esac
}

# wait_for COMPONENT: until it answers; ends when it has ended.
wait_for() {
  local deadline=$((SECONDS + wait_seconds))
  until healthy "$1" > /dev/null 2>&1; do
    if ! running "$1"; then
      tail -n 20 "$run/log/$1" >&2
      die "$1: ended while starting; its log is $run/log/$1"
    fi
    if [ "$SECONDS" -ge "$deadline" ]; then
      tail -n 20 "$run/log/$1" >&2
      die "$1: no answer within $wait_seconds s (KUBE_WAIT=... sets it); its log is $run/log/$1"
    fi
    sleep 0.1
  done
}
