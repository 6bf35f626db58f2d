#!/bin/sh
# Adds the runs of a job to a branch. A dashboard can read this branch to count the runs of many projects.
#
#   HISTORY_REMOTE=https://ci:TOKEN@git.example.com/acme/dashboard.git ./push-history.sh runs.ndjson acme/web
#
# The branch mogplex-history has one file for each project: runs/acme-web.ndjson. Only missing lines are added. Jobs of several
# projects can push at the same time, because the script retries. Needs Git, and a token that can only push to that repository. Set
# HISTORY_BRANCH for another branch.
#
# If HISTORY_REMOTE is empty, the script exits with 2. If the file does not exist, it exits with 1: the path is wrong, or the job
# ended before the program began. A job with --history creates the file even if it does not start a run. Only respond creates it
# later, with its first run.
set -eu

if [ $# -ne 2 ]; then
  echo "Cannot push the history: give two arguments, the file and the project, such as \"sh push-history.sh mogplex-ci/runs.ndjson acme/web\"" >&2
  exit 2
fi
file=$1
project=$2
branch=${HISTORY_BRANCH:-mogplex-history}
if [ -z "${HISTORY_REMOTE:-}" ]; then
  echo "Cannot push the history: variable HISTORY_REMOTE is empty (protected variables are absent on unprotected refs); store the address of the dashboard's repository, with a token that can push there" >&2
  exit 2
fi
if [ ! -f "$file" ]; then
  echo "Cannot push the history because the file does not exist: \"$file\"; give the path that the job has after --history" >&2
  exit 1
fi
if [ ! -s "$file" ]; then
  echo "no new run of $project: $file is empty"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
clone=$work/clone
log=$work/log
name=$(printf '%s' "$project" | tr -c 'A-Za-z0-9._\n' '-')

# Git must neither ask for a password nor translate its messages.
export GIT_TERMINAL_PROMPT=0 LC_ALL=C

# Git's message that explains the most, without the token in the address.
message() {
  {
    grep '^fatal:' "$log" | grep -v 'Could not read from' || grep -E '! \[|ERROR: ' "$log" ||
      grep -iE "$refusals" "$log" || grep -v '^Warning: ' "$log"
  } | head -n 1 | sed 's,://[^ ]*@,://,g; s/^remote: //; s/^ *//'
}

fail() {
  case $HISTORY_REMOTE in
    http*) check="HISTORY_REMOTE and its token" ;;
    *) check="HISTORY_REMOTE, and for SSH the job's key and its known_hosts" ;;
  esac
  echo "Cannot push the history because $1: \"$(message)\"; check $check" >&2
  exit 1
}

# With these errors, another attempt would get the same answer.
refusals='repository .*not found|does not appear to be a git repository|authentication failed|could not read (username|password)'
refusals="$refusals|permission denied|returned error: 40[134]|hook declined|protected branch"
refusals="$refusals|host key verification failed|cannot run ssh|could not be found|read[ -]only|does not have write access"

stop_if_refused() {
  if grep -qiE "$refusals" "$log"; then fail "Git gets no access"; fi
}

attempt=1
while [ "$attempt" -le 10 ]; do
  rm -rf "$clone"
  git init --quiet "$clone"
  # The branch might not exist yet.
  if git -C "$clone" fetch --quiet --depth 1 "$HISTORY_REMOTE" "refs/heads/$branch" 2>"$log"; then
    git -C "$clone" checkout --quiet --force --detach FETCH_HEAD
  else
    stop_if_refused
  fi
  mkdir -p "$clone/runs"
  target="$clone/runs/$name.ndjson"
  touch "$target"
  # Each line of the job that the branch does not have.
  grep -vxFf "$target" "$file" >"$clone/.new" || [ -s "$target" ] || cp "$file" "$clone/.new"
  if [ ! -s "$clone/.new" ]; then
    echo "no new run of $project: the branch $branch has them all"
    exit 0
  fi
  count=$(grep -c . "$clone/.new")
  cat "$clone/.new" >>"$target"
  git -C "$clone" add runs
  git -C "$clone" -c user.name="Mogplex CI" -c user.email=mogplex-ci@localhost commit --quiet -m "Runs of $project"
  if git -C "$clone" push --quiet "$HISTORY_REMOTE" "HEAD:refs/heads/$branch" 2>"$log"; then
    [ "$count" -eq 1 ] && runs="1 run" || runs="$count runs"
    echo "added $runs of $project"
    exit 0
  fi
  stop_if_refused
  attempt=$((attempt + 1))
  [ "$attempt" -gt 10 ] || sleep "$attempt"
done
fail "Git could not push the branch $branch in 10 attempts"
