# shellcheck shell=bash
# How checks are run one after the other. Each step prints how long it took. A step that fails
# does not keep the others from being tried: what failed is told at the end.

# As in the Makefile.
export CGO_ENABLED=0 GOFLAGS=-trimpath

failed=()
# longest is how long a step may take, in seconds: one that hangs is a failure, too.
longest=${LONGEST:-1800}

step() {
  local name=$1 from=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  if timeout -k 60 "$longest" "$@"; then
    printf '== %s: ok (%d s)\n' "$name" $((SECONDS - from))
  else
    failed+=("$name")
    printf '== %s: FAILED (%d s)\n' "$name" $((SECONDS - from))
  fi
}

# finish: tells what failed, and ends.
finish() {
  if [ ${#failed[@]} -gt 0 ]; then
    printf '\n%d checks failed in %d s:\n' ${#failed[@]} "$SECONDS"
    printf '  %s\n' "${failed[@]}"
    exit 1
  fi
  printf '\nall checks passed in %d s\n' "$SECONDS"
}
