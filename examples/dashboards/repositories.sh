#!/bin/sh
# The repositories that agents can work in, one JSON object a line, for a dashboard.
#
#   MOGPLEX_API_KEY=mog_… ./repositories.sh > repositories.ndjson
#
# The product's documented pipeline. A token with the scope "read" is enough, and the right one: it can start nothing.
# Needs jq, and `mogplex` on the PATH, or MOGPLEX_FILE=/path/to/mogplex.mjs and Node. Ends with the code of the command: 64
# unauthorized, 69 unavailable, 75 rate limited. Nothing is printed then, so that no dashboard takes trouble for an empty list.
set -eu

if [ -n "${MOGPLEX_FILE:-}" ]; then
  mogplex() { node "$MOGPLEX_FILE" "$@"; }
fi

# Not in one pipe, which would end with the code of jq alone.
repositories=$(mogplex repos list --json)
printf '%s\n' "$repositories" | jq -ac '. | {id, full_name}'
