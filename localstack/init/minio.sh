#!/bin/sh
# Run once beside MinIO: the buckets that the stack updraft makes in LocalStack, for S3=minio.
set -eu
mc alias set local http://minio:9000 "$MINIO_ROOT_USER" "$MINIO_ROOT_PASSWORD"
for bucket in updraft-logs-000000000000-us-east-1 updraft-dags-000000000000-us-east-1; do
  mc mb --ignore-existing "local/$bucket"
done
