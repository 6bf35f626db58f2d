#!/bin/sh
# Lists the repositories that agents can work in, one JSON object per line, for a dashboard.
#
#   MOGPLEX_API_KEY=mog_… ./repositories.sh > repositories.ndjson
#
# The product's documented pipeline. Use a token with only the scope "read": it cannot start anything.
# Needs jq, and `mogplex` on the PATH (or MOGPLEX_FILE=/path/to/mogplex.mjs and Node). Exits with the code of the command: 64
# unauthorized, 69 unavailable, 75 rate limited. Then it prints nothing, so that an error never looks like an empty list.
set -eu

if [ -n "${MOGPLEX_FILE:-}" ]; then
  mogplex() { node "$MOGPLEX_FILE" "$@"; }
fi

# Not in one pipe: its exit code would be that of jq.
repositories=$(mogplex repos list --json)
printf '%s\n' "$repositories" | jq -ac '. | {id, full_name}'
