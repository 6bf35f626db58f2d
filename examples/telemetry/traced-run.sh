#!/bin/sh
# Runs an agent as one traced job, with a history. It works on any CI system with a shell.
#
#   MOGPLEX_API_KEY=mog_… MOGPLEX_REPO_ID=acme/web ./traced-run.sh "Fix the flaky tests"
#
# Needs `mogplex-ci` on the PATH (or MOGPLEX_FILE=/path/to/mogplex.mjs and Node). Exits with the verdict of the run. collector.yaml
# configures the collector. Without a collector, the job only prints that the trace was not sent. Keep history.ndjson in a cache.
set -eu

if [ -n "${MOGPLEX_FILE:-}" ]; then
  mogplex() { node "$MOGPLEX_FILE" "$@"; }
else
  mogplex() { mogplex-ci "$@"; }
fi

: "${OTEL_EXPORTER_OTLP_ENDPOINT:=http://127.0.0.1:4318}"
: "${OTEL_SERVICE_NAME:=agents}"
OTEL_EXPORTER_OTLP_COMPRESSION=gzip
export OTEL_EXPORTER_OTLP_ENDPOINT OTEL_SERVICE_NAME OTEL_EXPORTER_OTLP_COMPRESSION

mogplex run --follow --create-branch --history history.ndjson "$@"
