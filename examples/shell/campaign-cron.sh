#!/bin/sh
# One wave of a campaign, for cron on a machine that keeps its files. In crontab:
#
#   */15 * * * * /srv/campaign/campaign-cron.sh
#
# The folder of this script holds mogplex.mjs (docs/install.md), campaign.yml with its task, and the token in the file `token`,
# which only its owner may read. Before the first wave: node mogplex.mjs campaign plan campaign.yml
#
# cron mails what a script prints. This script prints its log only when the exit code differs from that of the wave before: when
# something needs a person, when that is over, and at the end. Then remove the line.
#
# It needs no flock: the command lets one process at a time work in a directory. A second process ends with 75, which is harmless.
# After 69 (the service was out of reach) the next wave goes on.
#
# Needs: sh, cat, dirname, mv, sed; Node.
set -eu
PATH=/usr/local/bin:/usr/bin:/bin:$PATH # cron's own is short
cd "$(dirname "$0")"
export MOGPLEX_API_KEY_FILE=token

# Without a plan, or with a lost one, nothing may start by itself.
if [ ! -f mogplex-campaign/lock.json ]; then
  echo "There is no plan in $PWD/mogplex-campaign: run node mogplex.mjs campaign plan campaign.yml" >&2
  exit 2
fi

code=0
node mogplex.mjs campaign advance campaign.yml > wave.log 2>&1 || code=$?
case $code in 69 | 75) exit 0 ;; esac

state="$(sed -n 's/^MOGPLEX_CAMPAIGN_STATE=//p' mogplex-campaign/ci/outputs.env 2> /dev/null || true)"
case $state in gated | stopped | done) ;; *) state="goes on" ;; esac
before="$(cat last-wave 2> /dev/null || echo "0 goes on")"
echo "$code $state" > last-wave.new
mv last-wave.new last-wave
[ "$code $state" = "$before" ] || cat wave.log
exit "$code"
