#!/bin/sh
# Adds the runs of a job to a branch, from which a dashboard counts the runs of many projects.
#
#   HISTORY_REMOTE=https://ci:TOKEN@git.example.com/acme/dashboard.git ./push-history.sh runs.ndjson acme/web
#
# The branch mogplex-history has one file for each project: runs/acme-web.ndjson. Only missing lines are added. Jobs of several
# projects can push at the same time, because the script retries. Needs Git, and a token that can only push to that repository. Set
# HISTORY_BRANCH for another branch.
set -eu

file=$1
project=$2
branch=${HISTORY_BRANCH:-mogplex-history}
[ -s "$file" ] || exit 0

clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
name=$(printf '%s' "$project" | tr -c 'A-Za-z0-9._\n' '-')

attempt=1
while [ "$attempt" -le 10 ]; do
  rm -rf "$clone"
  git init --quiet "$clone"
  # The branch might not exist yet.
  if git -C "$clone" fetch --quiet --depth 1 "$HISTORY_REMOTE" "refs/heads/$branch" 2>/dev/null; then
    git -C "$clone" checkout --quiet --force --detach FETCH_HEAD
  fi
  mkdir -p "$clone/runs"
  target="$clone/runs/$name.ndjson"
  touch "$target"
  # Each line of the job that the branch does not have.
  grep -vxFf "$target" "$file" >"$clone/.new" || [ -s "$target" ] || cp "$file" "$clone/.new"
  [ -s "$clone/.new" ] || exit 0
  cat "$clone/.new" >>"$target"
  git -C "$clone" add runs
  git -C "$clone" -c user.name="Mogplex CI" -c user.email=mogplex-ci@localhost commit --quiet -m "Runs of $project"
  if git -C "$clone" push --quiet "$HISTORY_REMOTE" "HEAD:refs/heads/$branch" 2>/dev/null; then exit 0; fi
  attempt=$((attempt + 1))
  sleep "$attempt"
done
echo "Cannot push the history: the branch $branch could not be pushed 10 times; check HISTORY_REMOTE and its token" >&2
exit 1
