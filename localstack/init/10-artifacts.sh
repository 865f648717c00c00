#!/usr/bin/env bash
# Run in the LocalStack container whenever it is ready: the bucket that functions are
# packaged into. The rest is the template's.
set -euo pipefail
awslocal s3api head-bucket --bucket updraft-artifacts 2> /dev/null || awslocal s3api create-bucket --bucket updraft-artifacts
