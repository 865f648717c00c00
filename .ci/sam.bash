# shellcheck shell=bash
# SAM's command line in an environment of its own (350 MB, once); its folder is $sam.
sam_version=1.170.0
sam=${STATE:-.local}/sam-$sam_version
if [ ! -x "$sam/bin/sam" ]; then
  rm -rf "$sam"
  python3 -m venv "$sam"
  "$sam/bin/pip" install -q --disable-pip-version-check "aws-sam-cli==$sam_version" || {
    rm -rf "$sam"
    exit 1
  }
fi
export SAM_CLI_TELEMETRY=0
