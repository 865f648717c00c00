# shellcheck shell=bash
# Starting, watching and stopping the parts as processes of their own. Sourced after
# settings.bash, whose variables it reads.
# shellcheck disable=SC2154 # state, wait_seconds

# pid_of PART: its process id if it is up. A number in an old file may belong to somebody
# else by now: only a process whose command line names our folder is ours.
pid_of() {
  local pid command
  pid=$(cat "$state/run/$1.pid" 2> /dev/null) || return 1
  command=$(ps -ww -o command= -p "$pid" 2> /dev/null) || return 1
  case $command in *"$state/"*) printf '%s\n' "$pid" ;; *) return 1 ;; esac
}

# launch PART COMMAND...: in the background, in a process group of its own (so that a
# Ctrl-C here is not for it), with its log in .local/log.
launch() {
  local part=$1
  shift
  set -m
  nohup "$@" < /dev/null > "$state/log/$part.log" 2>&1 9>&- &
  set +m
  printf '%s\n' "$!" > "$state/run/$part.pid"
  disown "$!"
}

# must_be_free PART PORT VARIABLE: nobody else listens there. Otherwise that server would
# be taken for the part.
must_be_free() {
  if (exec 3<> "/dev/tcp/127.0.0.1/$2") 2> /dev/null; then
    die "$1: port $2 of 127.0.0.1 is in use by something that was not started from here: stop it, or choose another port with $3=..."
  fi
}

# answers URL: is somebody there, be it with an error?
answers() {
  case $1 in
    postgres://*) "$(postgres_bin)/pg_isready" -q -d "$1" ;;
    *) curl -s -o /dev/null --max-time 5 "$1" ;;
  esac
}

# wait_for PART URL: until it answers at all, be it with an error.
wait_for() {
  local part=$1 url=$2 deadline=$((SECONDS + wait_seconds))
  say "$part" "waits for an answer from ${url/:*@/:...@}"
  until answers "$url"; do
    if ! kill -0 "$(cat "$state/run/$part.pid")" 2> /dev/null; then
      tail -n 20 "$state/log/$part.log" >&2
      die "$part: ended while starting; its log is $state/log/$part.log"
    fi
    if [ "$SECONDS" -ge "$deadline" ]; then
      tail -n 20 "$state/log/$part.log" >&2
      die "$part: no answer from ${url/:*@/:...@} within $wait_seconds s (WAIT=... sets it); its log is $state/log/$part.log"
    fi
    sleep 0.1
  done
}

# descendants PID: the processes below it, whatever their group or session.
descendants() {
  ps -A -o pid=,ppid= | awk -v root="$1" '
    { parent[$1] = $2 }
    END { for (p in parent) { q = p; while (q in parent && q != root) q = parent[q]; if (q == root && p != root) print p } }'
}

# leftovers PART: the programs that run from its data folder. They are below the part, or
# were before somebody killed it.
leftovers() {
  ps -A -ww -o pid=,command= | awk -v folder="$state/data/$1/" '
    { pid = $1; command = substr($0, index($0, $2)) }
    index(command, folder) == 1 || ($2 == "java" && index(command, folder)) { print pid }'
}

# stop PART: asks it to end, and after ten seconds makes it. LocalStack does not always
# end its DynamoDB and its functions, so what it started is ended with it.
stop() {
  local part=$1 pid below=() i signal=TERM
  [ "$part" != postgres ] || signal=INT # with TERM it waits for its clients
  if pid=$(pid_of "$part"); then
    mapfile -t below < <(descendants "$pid")
    kill -"$signal" "$pid" 2> /dev/null || true
    for ((i = 0; i < 100; i++)); do
      kill -0 "$pid" 2> /dev/null || break
      sleep 0.1
    done
    below+=("$pid")
    say "$part" stopped
  fi
  for pid in "${below[@]}" $(leftovers "$part"); do kill -KILL "$pid" 2> /dev/null || true; done
  rm -f "$state/run/$part.pid" "$state/run/$part.env"
  rm -rf "$state/data/$part"
}
