/**
 * Shell snippets from the product's documentation, unchanged. Source: CLI, "CI integration", "Headless runs", "Automation".
 * The tests fill in GitHub's expressions as the runner does: as text, before the shell reads them.
 */

/** "CI integration", GitHub Actions example, step "Install mogplex CLI", second line. */
export const INSTALL_CHECK = "mogplex --help | head -1\n";

/** "CI integration", GitHub Actions example, step "Start cleanup run". */
export const START_STEP = `set -euo pipefail
RUN=$(
  mogplex run \\
    --repo "$MOGPLEX_REPO_ID" \\
    --harness codex \\
    --create-branch \\
    --idempotency-key "weekly-cleanup-$(date -u +%Y-%m-%d)" \\
    --json \\
    "Run the dependency cleanup checklist. Update minor/patch versions, run tests, open a PR if changes pass." \\
  | jq -r '.runId'
)
# mogplex exits non-zero on API failure, but guard against an empty
# runId (e.g. unexpected response shape) so downstream steps don't
# call \`runs events ''\` with a confusing error.
[ -n "$RUN" ] && [ "$RUN" != "null" ] || { echo "Failed to extract run ID"; exit 1; }
echo "run_id=$RUN" >> "$GITHUB_OUTPUT"
echo "Started run $RUN"
`;

/** As above, step "Tail events". */
export const TAIL_STEP = `mogplex runs events "\${{ steps.start.outputs.run_id }}" \\
  --follow --timeout 1500
`;

/** As above, step "Report final status". */
export const REPORT_STEP = `STATUS=$(
  mogplex runs get "\${{ steps.start.outputs.run_id }}" --json \\
  | jq -r '.status'
)
echo "::notice::Final run status: $STATUS"
[ "$STATUS" = "success" ]
`;

/** Indents the lines of a script for a step. */
function block(script: string): string {
  return script.trimEnd().replace(/^(?=.)/gm, "          ");
}

/** "CI integration", GitHub Actions example: the whole workflow, but for the step "Install mogplex CLI" before these. */
export const WORKFLOW = `name: Mogplex weekly cleanup

on:
  schedule:
    - cron: "0 12 * * 1"    # Mondays 12:00 UTC
  workflow_dispatch:

jobs:
  cleanup:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    steps:
      - name: Start cleanup run
        id: start
        env:
          MOGPLEX_API_KEY: \${{ secrets.MOGPLEX_API_KEY }}
          MOGPLEX_REPO_ID: \${{ vars.MOGPLEX_REPO_ID }}
        run: |
${block(START_STEP)}

      - name: Tail events
        env:
          MOGPLEX_API_KEY: \${{ secrets.MOGPLEX_API_KEY }}
        run: |
${block(TAIL_STEP)}

      - name: Report final status
        if: always()
        env:
          MOGPLEX_API_KEY: \${{ secrets.MOGPLEX_API_KEY }}
        run: |
${block(REPORT_STEP)}
`;

/** "CI integration", "Retry pattern for transient failures". */
export const RETRY_LOOP = `attempt=0
until mogplex runs events "$RUN_ID" --follow --timeout 600 ; do
  rc=$?
  attempt=$((attempt + 1))
  case "$rc" in
    75) sleep $((30 * attempt)) ;;          # rate-limited; back off
    69) sleep 60 ;;                          # service unavailable; wait
    64|65) echo "auth issue (exit $rc)"; exit "$rc" ;;
    *)  echo "non-retryable (exit $rc)"; exit "$rc" ;;
  esac
  if [ "$attempt" -ge 3 ]; then
    echo "giving up after $attempt attempts"
    exit "$rc"
  fi
done
`;

/** "CI integration", "Read-only dashboards", first line. */
export const REPOS_DASHBOARD = "mogplex repos list --json     | jq '. | {id, full_name}'\n";

/** As above, second line. */
export const SANDBOXES_DASHBOARD = `mogplex sandboxes list --json | jq 'select(.status == "running")'\n`;

/** "Headless runs", "End-to-end sketch". */
export const END_TO_END = `#!/usr/bin/env bash
set -euo pipefail

REPO_ID="\${MOGPLEX_REPO:?set MOGPLEX_REPO to a UUID from \\\`mogplex repos list\\\`}"

RUN_ID=$(
  mogplex run --repo "$REPO_ID" --create-branch --json \\
    "Apply the linter autofixes and commit them" \\
  | jq -r '.runId'
)
echo "started run $RUN_ID"

mogplex runs events "$RUN_ID" --follow --timeout 900

STATUS=$(mogplex runs get "$RUN_ID" --json | jq -r '.status')
case "$STATUS" in
  success)   echo "✓ run succeeded" ; exit 0 ;;
  cancelled) echo "✗ cancelled" ; exit 1 ;;
  failed)    echo "✗ failed" ; exit 1 ;;
  *)         echo "? unexpected status: $STATUS" ; exit 2 ;;
esac
`;

/** "Automation", "Exit codes"; \`exec\` starts the script again after a rate limit. */
export const BRANCH_ON_CODES = `mogplex runs events "$RUN_ID" --follow
case $? in
  0)  echo "run completed cleanly" ;;
  64) echo "auth failed — refresh MOGPLEX_API_KEY"; exit 1 ;;
  65) echo "PAT lacks write scope" ; exit 1 ;;
  75) echo "rate limited — backing off" ; sleep 60 ; exec "$0" "$@" ;;
  *)  echo "unexpected failure (exit $?)" ; exit 1 ;;
esac
`;
