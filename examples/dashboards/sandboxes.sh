#!/bin/sh
# The sandboxes that are running, one JSON object a line, for a dashboard; with an argument those of one repository.
#
#   MOGPLEX_API_KEY=mog_… ./sandboxes.sh [REPOSITORY_ID] > sandboxes.ndjson
#
# The product's documented pipeline. A token with the scope "read" is enough, and the right one: it can start nothing.
# Needs jq, and `mogplex` on the PATH, or MOGPLEX_FILE=/path/to/mogplex.mjs and Node. Ends with the code of the command: 64
# unauthorized, 69 unavailable, 75 rate limited. Nothing is printed then, so that no dashboard takes trouble for an empty list.
set -eu

if [ -n "${MOGPLEX_FILE:-}" ]; then
  mogplex() { node "$MOGPLEX_FILE" "$@"; }
fi

# Not in one pipe, which would end with the code of jq alone.
sandboxes=$(mogplex sandboxes list --json ${1:+--repo "$1"})
printf '%s\n' "$sandboxes" | jq -ac 'select(.status == "running")'
