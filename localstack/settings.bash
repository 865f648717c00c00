# shellcheck shell=bash
# Where the local AWS keeps its things and on which ports it listens. Sourced by up, down
# and deploy. Each of these may be given in the environment:
#
#   STATE            installation, data, logs, process ids (default: .local beside go.mod)
#   LOCALSTACK_PORT  DYNAMODB_PORT  MINIO_PORT (and the port after it)  GCS_PORT  FAULTS_PORT
#   POSTGRES_PORT  MINISTACK_PORT
#   WAIT             seconds to wait for a part until it answers
# shellcheck disable=SC2034 # read by the scripts that source this

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
state=${STATE:-$here/../.local}
mkdir -p "$state"/{bin,data,log,run}
state=$(cd "$state" && pwd)

localstack_port=${LOCALSTACK_PORT:-4566}
dynamodb_port=${DYNAMODB_PORT:-8000}
minio_port=${MINIO_PORT:-9000}
gcs_port=${GCS_PORT:-4443}
faults_port=${FAULTS_PORT:-9999}
postgres_port=${POSTGRES_PORT:-5433}
ministack_port=${MINISTACK_PORT:-4577}
wait_seconds=${WAIT:-180}

# In the order in which they are listed and stopped: what others use comes last. The usual
# ones are those that are meant if none is named; another AWS stands before LocalStack, so
# that of two the settings are LocalStack's.
usual_parts=(faults localstack dynamodb minio gcs postgres)
all_parts=(ministack "${usual_parts[@]}")

# The one pair of keys that every part takes: LocalStack and DynamoDB Local do not look at
# them, MinIO wants a secret of eight characters or more.
access_key="test"
secret_key="test"
minio_secret_key=testtest
# Of the user updraft of PostgreSQL, who may do everything there.
postgres_password=not-a-secret

# die MESSAGE...: says what is wrong and what helps, and ends.
die() {
  printf '%s\n' "$@" >&2
  exit 1
}

# say PART MESSAGE...: one line of progress.
say() {
  local part=$1
  shift
  printf '%-10s %s\n' "$part" "$*"
}

# parts_from [PART...]: the parts that were asked for, all of them if none was.
parts_from() {
  local part
  [ $# -gt 0 ] || set -- "${all_parts[@]}"
  for part; do
    case " ${all_parts[*]} " in
      *" $part "*) printf '%s\n' "$part" ;;
      *) die "unknown part $part: there are ${all_parts[*]}" ;;
    esac
  done
}

# lock: only one of up and down at a time, where the system has flock (Linux).
lock() {
  if command -v flock > /dev/null; then
    exec 9> "$state/lock"
    flock 9
  fi
}

# env_aws PORT SECRET: how to reach an AWS of this machine.
env_aws() {
  printf 'export AWS_ENDPOINT_URL=http://127.0.0.1:%s\n' "$1"
  printf 'export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\n' "$access_key" "$2"
  printf 'export AWS_REGION=us-east-1\nexport AWS_DEFAULT_REGION=us-east-1\n'
  # Nobody shall look for a role of this machine, or report home.
  printf 'export AWS_EC2_METADATA_DISABLED=true\nexport SAM_CLI_TELEMETRY=0\n'
}

# write_env: .local/env for whoever uses the parts that are up.
write_env() {
  local part
  {
    printf '# Written by localstack/up. Use it with: . %s\n' "$state/env"
    for part in "${all_parts[@]}"; do
      if [ -f "$state/run/$part.env" ]; then cat "$state/run/$part.env"; fi
    done
  } > "$state/env.new"
  mv "$state/env.new" "$state/env"
}
