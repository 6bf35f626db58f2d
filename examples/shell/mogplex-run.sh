#!/bin/sh
set +ex -fu # a trace would show the token
# Starts a hosted agent run, waits for its end, and exits with its verdict. For machines that have a shell, curl and jq.
#
#   MOGPLEX_API_KEY=mog_… MOGPLEX_REPO_ID=owner/name MOGPLEX_IDEMPOTENCY_KEY=… ./mogplex-run.sh 'Fix the flaky tests'
#   A task of several lines: ./mogplex-run.sh - <task.md
#
#   MOGPLEX_IDEMPOTENCY_KEY   finds the run again: a text that contains the build number, such as "$BUILD_TAG". It must be the same on
#                             a retry, and different for the next build. Otherwise, that build does not start an agent. On GitLab and GitHub,
#                             the default comes from the pipeline and the job. Set it in each job of a GitHub matrix.
#   MOGPLEX_HARNESS, MOGPLEX_MODE, MOGPLEX_BASE_BRANCH, MOGPLEX_ROOT     are sent to the service
#   MOGPLEX_WORKING_BRANCH    an existing branch to work on; without it the agent creates one
#   MOGPLEX_TIMEOUT           how long to wait: 30m (the default), 1h30m, or a number of seconds such as 90; the run continues after that
#   MOGPLEX_URL               another address of the service; plain HTTP only to this machine, with MOGPLEX_DEV=1
#
# Exits with 0 success, 1 failed, 2 usage, 3 cancelled, 4 awaiting input, 64 unauthorized, 65 forbidden, 69 unavailable, 70
# internal, 75 rate limited, 124 deadline, 130 SIGINT, 143 SIGTERM. A signal cancels the run. Prints statuses, ids and the
# address of the pull request, but no other text from the service.
LC_ALL=C run='' status='' maybe='' child='' limit=20
export LC_ALL
trap '' PIPE

say() { printf 'mogplex-run: %s\n' "$1" 2>/dev/null || :; }
leave() { # CODE REASON: every exit goes through here
  if [ -n "$run" ]; then say "$2 (exit code $1); run $run"
  elif [ -n "$maybe" ]; then say "$2 (exit code $1); a run may exist: the key \"$key\" finds it" >&2
  else say "$2 (exit code $1); no run was started" >&2; fi
  exit "$1"
}
request() { # METHOD PATH [CURL OPTION]...: sets http, 000 if the answer is incomplete; in the background, so that a signal is handled at once
  method=$1 path=$2
  shift 2
  : >"$dir/head"
  # The token is passed on standard input, because arguments are visible to other users.
  printf 'header = "Authorization: Bearer %s"\n' "$token" | curl -q -s -g -K - --proto "=$scheme" \
    ${direct:+--noproxy "$direct"} --connect-timeout 10 --max-time "$limit" --max-filesize 4000000 -A mogplex-run.sh \
    -H Expect: -X "$method" "$@" -D "$dir/head" -o "$dir/body" -w '%{http_code}\n' \
    "$origin/api/v1/mogplex$path" >"$dir/http" 2>/dev/null &
  child=$!
  wait "$child" && read -r http <"$dir/http" || http=000
}
answer() { # JQ PROGRAM [PATTERN]: prints what the program finds in the answer's data; it must match the pattern, by default one word
  case $http in 2??) ;; *) return 1 ;; esac
  shape=${2:-'[A-Za-z0-9_-]{1,40}'}
  # jq refuses half a UTF-16 character, which a truncated text can contain.
  sed 's/\\u[dD][89A-Fa-f]../\\u0020/g' "$dir/body" | jq -ers --arg shape "\\A$shape\\z" \
    "select(length == 1) | .[0] | select(.ok == true).data | $1 | select(test(\$shape))" 2>/dev/null
}
about_run() { id=$(answer '(.run // .).runId') && new=$(answer '(.run // .).status') && [ "$id" = "${run:-$id}" ]; }
start() { # the same key and the same bytes each time, so that a lost answer does not start a second run
  before=$maybe maybe=1
  request POST /runs -H "Idempotency-Key: $key" -H 'Content-Type: application/json' --data-binary "@$dir/request"
  case $http in [34]?? | 503) maybe=$before ;; esac # refused: nothing was started
}
retry() { # WHAT: waits, or leaves if no other attempt can help
  case $http in
    401 | 3??)
      code=64 denied=$((denied + 1))
      if [ -z "$run" ] || [ "$denied" -gt 2 ]; then leave 64 "Cannot $1: the service refuses the token (HTTP $http)"; fi ;;
    403) leave 65 "Cannot $1: the token is not allowed to do this (HTTP 403)" ;;
    408 | 425) code=69 ;;
    429) code=75 ;;
    409) leave 2 "Cannot $1: the key belongs to another request (HTTP 409); set another MOGPLEX_IDEMPOTENCY_KEY" ;;
    4??) leave 2 "Cannot $1: the service refuses the request (HTTP $http)" ;;
    *) code=69 ;;
  esac
  tries=$((tries + 1))
  [ "$tries" -lt 20 ] || leave "$code" "Cannot $1: 20 attempts failed (HTTP $http)"
  delay=$(sed -n 's/^[Rr][Ee][Tt][Rr][Yy]-[Aa][Ff][Tt][Ee][Rr]: *0*\([1-9][0-9]\{0,5\}\)[^0-9]*$/\1/p' "$dir/head" | tail -n 1)
  [ -n "$delay" ] || delay=$((tries < 4 ? 2 << tries : 30))
  say "Cannot $1 yet (HTTP $http, attempt $tries): trying again in $delay s"
  pause "$delay" "$code" "Cannot $1: HTTP $http"
}
pause() { # SECONDS CODE REASON: leaves at the deadline
  left=$((deadline - $(date +%s)))
  [ "$left" -gt 0 ] || leave "$2" "$3"
  [ "$1" -lt "$left" ] || set -- "$left" "$2" "$3"
  sleep "$1" &
  child=$!
  wait "$child"
}
say_pull_request() { # after the end of the run: one short attempt, which signals cannot stop
  trap '' INT TERM
  limit=5
  request GET "/runs/$run/events" -G --data limit=200
  name='[A-Za-z0-9_.-]{1,100}' web='https://[a-z0-9.-]{1,100}'
  [ "$scheme" = https ] || web="($web|http://(127[.]0[.]0[.]1|localhost)(:[0-9]{1,5})?)" # the local Mogplex
  url=$(answer '[.events[] | select(.type == "log").payload | select(.stage == "git_delivery").pull_request_url | strings] | last' \
    "$web/$name/$name/pull/[0-9]{1,9}") && say "pull request $url"
}
stop() { # SIGNAL CODE: cancels within seconds, as runners kill soon after
  trap '' INT TERM
  # Not $child: the signal might have arrived after the process started and before $child was set.
  # KILL, because a child that is not running its program yet still has the traps of this script, and ignores TERM.
  [ -z "${!:-}" ] || { kill -s KILL "$!"; wait "$!"; } 2>/dev/null
  limit=2
  # The signal interrupted a start request: sending it again finds its run.
  if [ -z "$run" ] && [ -n "$maybe" ]; then start && about_run && run=$id; fi
  [ -n "$run" ] || leave "$2" "stopped by $1"
  for _ in 1 2; do
    request POST "/runs/$run/cancel" --data ''
    ! about_run || leave "$2" "stopped by $1: the run is $new"
  done
  leave "$2" "stopped by $1: the run may continue, it could not be cancelled (HTTP $http)"
}

# ---- Checks before a request ----
case ${1:-} in
  -h | --help) sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;;
  -?*) leave 2 "Cannot use the argument because it looks like an option: give the task, or - to read it from standard input" ;;
esac
for program in curl jq; do command -v "$program" >/dev/null || leave 2 "Cannot send requests: there is no $program"; done
token=${MOGPLEX_API_KEY:-} origin=${MOGPLEX_URL:-https://mogplex.com} repo=${MOGPLEX_REPO_ID:-} direct='' scheme=https
unset MOGPLEX_API_KEY
case $token in '' | *[!A-Za-z0-9_]*) leave 64 'Cannot use MOGPLEX_API_KEY: it is empty, or contains characters that are not allowed in a token' ;; esac
case $repo in '' | *[!A-Za-z0-9_./-]*) leave 2 'Cannot use MOGPLEX_REPO_ID: it must be owner/name, or the id of a repository' ;; esac
case $origin in
  https://*) ;;
  http://127.0.0.1:* | http://localhost:*) [ "${MOGPLEX_DEV:-}" = 1 ] && scheme=http direct='*' || origin='' ;;
  *) origin='' ;;
esac
case ${origin#*://} in
  '' | *[!A-Za-z0-9.:-]* | *:*[!0-9]*) leave 2 'Cannot use MOGPLEX_URL: it must be an origin such as https://mogplex.com' ;;
esac
timeout=${MOGPLEX_TIMEOUT:-30m} deadline=$(date +%s)
case $timeout in *[!0-9]*) ;; *) timeout=${timeout}s ;; esac
for unit in h m s; do
  case $timeout in *$unit*) ;; *) continue ;; esac
  number=${timeout%%"$unit"*} timeout=${timeout#*"$unit"}
  case $number in '' | 0* | ??????* | *[!0-9]*) timeout=wrong && break ;; esac
  case $unit in h) number=$((number * 3600)) ;; m) number=$((number * 60)) ;; esac
  deadline=$((deadline + number))
done
[ -z "$timeout" ] || leave 2 'Cannot use MOGPLEX_TIMEOUT: it must be a time such as 90, 30m or 1h30m'
key=${MOGPLEX_IDEMPOTENCY_KEY:-}
if [ -n "$key" ]; then :
elif [ -n "${CI_PIPELINE_ID:-}" ]; then key=gitlab/${CI_SERVER_HOST:-}/$CI_PIPELINE_ID/${CI_JOB_NAME:-}
elif [ -n "${GITHUB_RUN_ID:-}" ]; then key=github/${GITHUB_REPOSITORY:-}/$GITHUB_RUN_ID/${GITHUB_JOB:-}
else
  leave 2 'Cannot make a key because this is not a GitLab or GitHub job: without one, a lost answer could start two runs; set MOGPLEX_IDEMPOTENCY_KEY to a value that contains the build number'
fi
[ -n "${MOGPLEX_IDEMPOTENCY_KEY:-}" ] || key=$(printf '%s' "$key" | jq -Rrs @uri)
case $key:$((${#key} > 200)) in
  *[!\ -~]*:* | *:1) leave 2 'Cannot use the key: it must be at most 200 printable ASCII characters; set MOGPLEX_IDEMPOTENCY_KEY' ;;
esac

umask 077
dir=$(mktemp -d) || exit 70
trap 'rm -rf "$dir"' EXIT
trap 'stop SIGINT 130' INT
trap 'stop SIGTERM 143' TERM
if [ "${1:-}" = - ]; then cat; else printf '%s' "${1-${MOGPLEX_PROMPT:-}}"; fi >"$dir/task"
grep -q '[^[:space:]]' "$dir/task" || leave 2 'Cannot start the run: the task is empty'

# ---- The repository, the start, the end ----
[ -z "${MOGPLEX_URL:-}" ] || say "sending requests and the token to $origin"
tries=0 denied=0 before=''
case $repo in */*) query=q ;; *) query=id ;; esac
while request GET /repos -G --data-urlencode "$query=$repo" --data limit=200; do
  repo_id=$(REPO=$repo answer '[.repos[] | select([.id, .full_name | ascii_downcase] | index(env.REPO | ascii_downcase))] |
    if length > 1 then map(select(.root_directory == null)) else . end | if length == 1 then .[0].id else "none" end') && break
  retry 'find the repository'
done
[ "$repo_id" != none ] || leave 2 "Cannot find the repository $repo: the user of the token has none of that name, or several"
jq -Rs --arg id "$repo_id" '{repoId: $id, prompt: ., harness: env.MOGPLEX_HARNESS, mode: env.MOGPLEX_MODE,
    baseBranch: env.MOGPLEX_BASE_BRANCH, workingBranch: env.MOGPLEX_WORKING_BRANCH, rootDirectory: env.MOGPLEX_ROOT}
  | with_entries(select(.value != null and .value != "")) | if .workingBranch then . else .createBranch = true end' "$dir/task" >"$dir/request"

tries=0
while start; ! about_run; do retry 'start the run'; done
run=$id status=$new tries=0 what=run
# If an earlier answer to this script was lost, the run is the script's own.
if [ -z "$before" ] && [ "$(answer '.replayed | tostring')" = true ]; then what='attached to run'; fi
say "$what $run: $status"
case $what$status in
  attached*success | attached*failed | attached*cancelled)
    say "no agent was started: the key \"$key\" belongs to this earlier run; for another run, set another MOGPLEX_IDEMPOTENCY_KEY" >&2 ;;
esac
while :; do
  case $status in success | failed | cancelled) say_pull_request ;; esac
  case $status in
    success) leave 0 success ;;
    failed) leave 1 failed ;;
    cancelled) leave 3 cancelled ;;
    awaiting_input) leave 4 'awaiting input: answer the run in the app, or cancel it' ;;
  esac
  pause 10 124 "the run did not finish in time and continues"
  request GET "/runs/$run"
  while ! about_run; do retry 'read the run' && request GET "/runs/$run"; done
  tries=0 denied=0
  [ "$new" = "$status" ] || say "run $run: $new"
  status=$new
done
