#!/bin/sh
# Lists the repositories that agents can work in, one JSON object per line, for a dashboard.
#
#   MOGPLEX_API_KEY=mog_… ./repositories.sh > repositories.ndjson
#
# This is the pipeline from the product's documentation. Use a read-only token (scope "read"): it cannot start anything.
# Needs jq, and `mogplex` on the PATH (or MOGPLEX_FILE=/path/to/mogplex.mjs and Node). Exits with the code of the command: 64
# unauthorized, 69 unavailable, 75 rate limited. In these cases it prints nothing, so an error never looks like an empty
# list.
set -eu

if [ -n "${MOGPLEX_FILE:-}" ]; then
  mogplex() { node "$MOGPLEX_FILE" "$@"; }
fi

# Not in one pipe, which would return the exit code of jq.
repositories=$(mogplex repos list --json)
printf '%s\n' "$repositories" | jq -ac '. | {id, full_name}'
