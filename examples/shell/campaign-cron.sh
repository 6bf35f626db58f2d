#!/bin/sh
# One wave of a campaign, for cron on a machine with a permanent disk. In crontab:
#
#   */15 * * * * /srv/campaign/campaign-cron.sh
#
# The script's folder contains mogplex.mjs (docs/install.md), campaign.yml with its task, and the token in the file `token`, which
# only its owner can read. Before the first wave: node mogplex.mjs campaign plan campaign.yml
#
# Optional: the file `read-token` with a token that reads the pull requests of github.com; the keys on-failed-checks, pull-requests and
# limits.open-pull-requests need it. The file `merge-token`, with a different token, merges them; the key merge needs it.
# Permissions: "Pull requests" and "Until it is merged" in docs/campaigns.md.
#
# cron mails what a script prints. This script prints its log only if the exit code differs from the previous wave's, for example
# when something needs attention, or when the campaign is done. When the campaign is done, remove the line from the crontab. While
# the campaign is merging, later waves merge or fix its pull requests. The script does not need flock, because only one process at a
# time can use a directory. A second process exits with 75, which is harmless. After 69 (the service could not be reached), the next
# wave continues.
#
# Needs: sh, cat, dirname, mv, sed; Node.
set -eu
PATH=/usr/local/bin:/usr/bin:/bin:$PATH # cron's PATH is short
cd "$(dirname "$0")"
export MOGPLEX_API_KEY_FILE=token
if [ -f read-token ]; then GITHUB_TOKEN="$(cat read-token)" && export GITHUB_TOKEN; fi
if [ -f merge-token ]; then
  MERGE_TOKEN="$(cat merge-token)" && export MERGE_TOKEN
  export MOGPLEX_MERGE_TOKEN_VARIABLE=github.com=MERGE_TOKEN
fi

# Without a plan, or if the plan was lost, this script starts nothing.
if [ ! -f mogplex-campaign/lock.json ]; then
  echo "There is no plan in $PWD/mogplex-campaign: run node mogplex.mjs campaign plan campaign.yml" >&2
  exit 2
fi

code=0
node mogplex.mjs campaign advance campaign.yml > wave.log 2>&1 || code=$?
case $code in 69 | 75) exit 0 ;; esac

state="$(sed -n 's/^MOGPLEX_CAMPAIGN_STATE=//p' mogplex-campaign/ci/outputs.env 2> /dev/null || true)"
case $state in gated | stopped | merging | done) ;; *) state="running" ;; esac
before="$(cat last-wave 2> /dev/null || echo "0 running")"
echo "$code $state" > last-wave.new
mv last-wave.new last-wave
[ "$code $state" = "$before" ] || cat wave.log
exit "$code"
