#!/usr/bin/env bash
# Validates the compose files without a Docker engine: against the schema, and by Compose itself.
set -euo pipefail
cd "$(dirname "$0")/.."
export OPTFARM_TOKEN=t OPTFARM_WORKER_TOKEN=w OPTFARM_BROKER_PASSWORD=b OPTFARM_S3_ACCESS_KEY=a OPTFARM_S3_SECRET_KEY=s
check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
docker-compose --env-file deploy/example.env -f docker-compose.yml config -q
OPTFARM_S3_ENDPOINT=https://minio.example:9000 docker-compose --env-file deploy/example.env \
  -f docker-compose.yml -f deploy/compose.external-s3.yml config -q
