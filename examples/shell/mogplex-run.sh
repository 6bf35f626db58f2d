#!/bin/sh
set +ex # a trace would show the token
#
# Starts a hosted agent run, waits for its end, and exits with its verdict. A script to copy, for machines that have only sh and
# curl. The toolkit can do more: it shows what the agent does, writes reports, and cleans up after a job that was killed.
#
#   mogplex-run.sh 'Fix the flaky tests'     or: mogplex-run.sh - <task.md
#
#   MOGPLEX_API_KEY     the token, made under Settings > Mogplex Keys; from a file: MOGPLEX_API_KEY=$(cat FILE)
#   MOGPLEX_REPO_ID     id of the repository, a UUID: the toolkit's `repos list` prints it
#   MOGPLEX_PROMPT      the prompt, if there is no argument
#   MOGPLEX_HARNESS, MOGPLEX_MODE (SAFE, AUTO or YOLO), MOGPLEX_BASE_BRANCH, MOGPLEX_WORKING_BRANCH, MOGPLEX_ROOT,
#   MOGPLEX_CREATE_BRANCH (true or false; default true without MOGPLEX_WORKING_BRANCH)     are sent to the service
#   MOGPLEX_TIMEOUT     how long to wait in all: 1h30m, or 90 for seconds (default 30m); then the run goes on
#   MOGPLEX_KEY_PART    any text; makes a different key, for several runs of one job
#   MOGPLEX_CI_JOB      pipeline and job, on a CI system that this script does not know
#   MOGPLEX_URL         another origin of the service; MOGPLEX_DEV=1 allows plain HTTP to this machine, without a proxy
#
# Ends with 0 success, 1 failed, 2 usage, 3 cancelled, 4 awaiting input, 64 unauthorized, 65 forbidden, 69 unavailable,
# 70 internal, 75 rate limited, 124 deadline, 129/130/143 SIGHUP/SIGINT/SIGTERM. A signal cancels the run.
#
# A job that is run again attaches to its run: the key is derived from the CI system's variables, as in the toolkit. Without
# these variables, or without sha256sum, shasum and openssl, the key is random.
#
# Tested in dash, bash, bash --posix, BusyBox, zsh, ksh93, mksh, posh, and yash in a UTF-8 locale. Needs curl 7.20 or newer and
# awk, date, grep, head, mktemp, mv, od, printf, rm, sed, sh, sleep, tr, wc. No jq.

# zsh as sh; other shells skip this line.
[ -z "${ZSH_VERSION:-}" ] || emulate sh
set -uf
LC_ALL=C
export LC_ALL
NEWLINE='
'
UUID='[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}'

# ---- Words --------------------------------------------------------------------------------------------------------------

say() { # TEXT: one line without the token; the run goes on when nobody reads it
  line=$1 spoke=$now
  while [ -n "$token" ]; do
    case $line in
      *"$token"*) line="${line%%"$token"*}[redacted]${line#*"$token"}" ;;
      *) break ;;
    esac
  done
  printf 'mogplex-run: %s\n' "$line" 2>/dev/null || :
}
leave() { # CODE OUTCOME REASON: every exit goes through here
  ended=$1
  if [ -n "$run" ]; then say "verdict $2 (exit code $1)${3:+: ${3%.}}; run $run ($run_status)"
  else say "$3" >&2; fi
  [ -n "$armed" ] || [ -z "$work" ] || rm -rf "$work"
  exit "$1"
}
usage() { leave 2 error "$1"; }
cleared() { # runs at every exit; an exit without leave is a bug
  rm -rf "$work"
  # Some shells forget the exit code of leave when this is called.
  [ -z "$ended" ] || exit "$ended"
  say 'Cannot go on: the script failed' >&2
  exit 70
}
# Not printf where a text may be the token: in some shells it is another program, whose arguments other users see.
quote() { echo "\"$(echo "$1" | tr -c ' -~' '?' | sed 's/?$//; s/\([:#]\)\1/\1 \1/g')\""; }
lower() { echo "$1" | tr ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz; }
fits() { # TEXT EXTENDED_REGULAR_EXPRESSION: whether the whole text is one line that matches; no such text has a backslash
  case $1 in *"$NEWLINE"* | *\\*) return 1 ;; esac
  echo "=$1" | grep -Eqx -e "=($2)"
}
# Standard input as the inside of a JSON string, as JSON.stringify writes it.
# shellcheck disable=SC2016
encode() {
  sed 's/[\\"]/\\&/g' | awk '
    BEGIN { ORS = "" }
    NR > 1 { print "\\n" }
    {
      for (c = 1; c < 32; c++) if (index($0, sprintf("%c", c)))
        gsub(sprintf("%c", c), c > 7 && c < 14 && c != 11 ? "\\" substr("btnvfr", c - 7, 1) : sprintf("\\u%04x", c))
      print
    }'
}
json() { printf '"%s"' "$(printf '%s' "$1" | encode)"; }
# shellcheck disable=SC2016
is_text() { # whether standard input is UTF-8, without NUL
  od -An -v -tu1 | awk '
    {
      for (i = 1; i <= NF; i++) {
        b = $i + 0
        if (need > 0) {
          if (b < low || b > high) bad = 1
          need--; low = 128; high = 191
        } else if (b > 127) {
          need = b < 224 ? 1 : b < 240 ? 2 : 3
          low = b == 224 ? 160 : b == 240 ? 144 : 128; high = b == 237 ? 159 : b == 244 ? 143 : 191
          if (b < 194 || b > 244) bad = 1
        } else if (b == 0) bad = 1
      }
    }
    END { exit (bad || need > 0) }'
}

# ---- Time ---------------------------------------------------------------------------------------------------------------

clock() { now=$(date +%s); }
backoff() { # ATTEMPT BASE: sets delay, which doubles up to 30 s; its upper half depends on the process
  delay=$2 doubled=1
  while [ "$doubled" -lt "$1" ] && [ "$delay" -lt 30 ]; do delay=$((delay * 2)) doubled=$((doubled + 1)); done
  [ "$delay" -le 30 ] || delay=30
  delay=$(((delay + 1) / 2 + ($$ + now) % (delay / 2 + 1)))
}
pause() { # SECONDS: sleeps, at most until the deadline, and says something once a minute
  until=$((now + $1))
  [ "$until" -le "$deadline" ] || until=$deadline
  while clock; [ "$now" -lt "$until" ]; do
    [ $((now - spoke)) -lt 40 ] || say "... ${run_status:-starting} for $((now - began)) s"
    delay=$((until - now))
    [ "$delay" -le 40 ] || delay=40
    : >"$work/program"
    program sleep "$delay" >/dev/null 2>&1 &
    wait "$!" || leave 70 error 'Cannot wait: sleep does not work'
  done
}
program() { # NAME [ARGUMENT]...: becomes this program, after it has left its process id to the signal handler
  # shellcheck disable=SC2016
  exec sh -c 'echo "$$" >"$0" && exec "$@"' "$work/program" "$@"
}

# ---- Requests -----------------------------------------------------------------------------------------------------------

# From the last block of headers: Date and Retry-After in seconds, and whether a redirect leads to the login page.
# shellcheck disable=SC2016
AWK_HEADERS='
/^HTTP\// { date = 0; retry = ""; login = 0; next }
{
  k = index($0, ":")
  field = tolower(substr($0, 1, k - 1)); v = substr($0, k + 1)
  gsub(/^[ \t]+|[ \t\r]+$/, "", v)
  if (field == "date") date = httpdate(v)
  if (field == "retry-after") retry = v
  if (field == "location" && v ~ /^[^?#]*\/login([?#\/]|$)/) login = 1
}
END {
  if (date) printf "date %.0f\n", date
  if (retry ~ /^[0-9]+$/) printf "retry %.0f\n", (length(retry) > 9 ? 999999999 : retry)
  else if ((k = httpdate(retry) - (date ? date : now)) > 0) printf "retry %.0f\n", k
  if (login) print "login yes"
}'
# shellcheck disable=SC2016
AWK_TIME='
function epoch(y, m, d, time) {
  if (m < 3) { y--; m += 12 }
  d += 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) - 719469
  return d * 86400 + substr(time, 1, 2) * 3600 + substr(time, 4, 2) * 60 + substr(time, 7, 2)
}
function httpdate(text, part) {
  if (text !~ /^[A-Z][a-z][a-z], [0-9][0-9] [A-Z][a-z][a-z] [0-9][0-9][0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9] GMT$/) return 0
  split(text, part, " ")
  return epoch(part[4], (index("JanFebMarAprMayJunJulAugSepOctNovDec", part[3]) + 2) / 3, part[2], part[5])
}'

# An answer comes as one JSON token a line. It is JSON or it counts for nothing; so does one with the same field twice, or with \u
# in the name of a field: the service sends none. The run is in the field that the variable run names.
JSON_TOKEN='"([^"\\[:cntrl:]]|\\(["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"|[^][{}:,"[:space:]]+|[^[:space:]]'
# shellcheck disable=SC2016
AWK_ANSWER='
function fail() { failed = 1; exit }
function next_token() { if ((getline token) <= 0) token = "" }
function value(path, name, count) { # reads the value that begins with this token
  if (token == "{") {
    next_token()
    while (token != "}") {
      if (token !~ /^".*"$/ || token ~ /\\u/) fail()
      name = path != "-" && token ~ /^"[A-Za-z_]+"$/ ? path "." substr(token, 2, length(token) - 2) : "-"
      if (name != "-" && name in known) fail()
      known[name] = ""
      next_token()
      if (token != ":") fail()
      next_token()
      value(name)
      if (token == ",") { next_token(); if (token == "}") fail() } else if (token != "}") fail()
    }
  } else if (token == "[") {
    next_token()
    while (token != "]") {
      value(path == "-" ? "-" : path "." count++)
      if (token == ",") { next_token(); if (token == "]") fail() } else if (token != "]") fail()
    }
    known[path] = "[" count
  } else if (token ~ /^(".*"|true|false|null|-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?)$/) known[path] = token
  else fail()
  next_token()
}
function show(label, text) { if (text != "") print label, text }
function word(path) { return known[path] ~ /^"[A-Za-z0-9_.:+-]+"$/ ? substr(known[path], 2, length(known[path]) - 2) : "" }
function harmless(text) { # ASCII in one line, with no command of a CI system in it and nothing that looks like a token
  if (length(text) > 8000) { text = substr(text, 1, 8000); sub(/[^ ]*$/, "", text) }
  gsub(/\\\\/, "\001", text); gsub(/\\"/, "\"", text); gsub(/\\\//, "/", text); gsub(/\\[bfnrt]/, " ", text)
  gsub(/\\u..../, "?", text); gsub(/\001/, "\\", text); gsub(/[^ -~]+/, "?", text)
  gsub(/mog_[A-Za-z0-9]+/, "[redacted]", text)
  while (sub(/::/, ": :", text) || sub(/##/, "# #", text)) ;
  gsub(/[Ss][Ee][Cc][Tt][Ii][Oo][Nn]_|[Tt][Rr][Aa][Vv][Ii][Ss]_/, "& ", text)
  return text
}
BEGIN {
  next_token()
  value("")
  if (token != "") fail()
}
END {
  if (failed) exit
  show("ok", known[".ok"] == "true" ? "yes" : ""); show("word", word(".error.code"))
  show("id", word(run ".runId")); show("status", word(run ".status"))
  show("replayed", known[".data.replayed"] == "true" ? "yes" : ""); show("repos", known[".data.repos"])
  at = word(".data.createdAt")
  if (at ~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]/)
    printf "created %.0f\n", epoch(substr(at, 1, 4), substr(at, 6, 2) + 0, substr(at, 9, 2), substr(at, 12, 8))
  text = known[".error.message"]
  if (text == "") text = known[run ".error"]
  if (text ~ /^"/) show("text", harmless(substr(text, 2, length(text) - 2)))
  # The newest delivery counts.
  for (i = substr(known[".data.events"], 2) - 1; i >= 0; i--) {
    at = ".data.events." i
    if (word(at ".type") != "log" || word(at ".payload.stage") != "git_delivery") continue
    text = known[at ".payload.pull_request_url"]
    text = harmless(substr(text, 2, length(text) - 2))
    show("pull", text ~ /^https?:\/\/[!-~]+$/ ? text : "")
    break
  }
}'

request() { # start|look|events|cancel|repos SECONDS: sends one request; sets http, broken, what the answer says, and what it means
  what=$1 to=/runs
  case $what in
    start) set -- "$2" -H "Idempotency-Key: $key" -H 'Content-Type: application/json' --data-binary "@$work/request" ;;
    look) to=/runs/$run && set -- "$2" ;;
    events) to="/runs/$run/events?limit=200" && set -- "$2" ;;
    cancel) to=/runs/$run/cancel && set -- "$2" --data '' ;;
    repos) to="/repos?id=$repo" && set -- "$2" ;;
  esac
  [ -z "$loopback" ] || set -- "$@" --noproxy '*'
  : >"$work/head"
  : >"$work/body"
  : >"$work/program"
  # The token goes over standard input and by echo: arguments are visible to other users.
  echo "header = \"Authorization: Bearer $token\"" |
    program curl -q -s -g -K - --proto "=${origin%%:*}" --connect-timeout 10 --max-filesize 4194304 -A mogplex-run.sh -H Expect: \
      -H 'Accept: application/json' -D "$work/head" -o "$work/body" -w '%{http_code}\n' --max-time "$@" \
      "$origin/api/v1/mogplex$to" >"$work/code" 2>/dev/null &
  wait "$!"
  broken=$?
  # Never give a builtin an option where posh runs it: a later wait would fail at random. So backslashes are doubled for read.
  # shellcheck disable=SC2162
  read http <"$work/code" || http=000
  clock
  got_ok='' got_word='' got_id='' got_status='' got_replayed='' got_repos='' got_created='' got_text='' got_date='' got_retry=''
  got_login='' got_pull='' within=.data
  case $what in look | events | cancel) within=.data.run ;; esac
  lines=$(
    awk -v now="$now" "$AWK_TIME$AWK_HEADERS" <"$work/head"
    [ "$broken" -ne 0 ] || tr '\000\013\014\177' '\001\001\001?' <"$work/body" | grep -oE -e "$JSON_TOKEN" |
      awk -v run="$within" "$AWK_TIME$AWK_ANSWER" | sed 's/\\/&&/g'
  )
  # shellcheck disable=SC2034,SC2162 # value is used by eval
  while read name value; do [ -z "$name" ] || eval "got_$name=\$value"; done <<LINES
$lines
LINES
  got_id=$(lower "$got_id")
  judge
}
# Sets what the answer means: verdict (good, wait, fatal), code, detail, retry, and refused if it cannot have had an effect.
judge() {
  verdict=wait code=69 refused='' retry=${got_retry:-0}
  detail="HTTP $http${got_word:+ $got_word}${got_text:+: \"$got_text\"}"
  case $broken:$http in
    0:* | *:429 | *:503) ;;
    *)
      retry=0 detail="curl ended with $broken"
      case $broken in
        5 | 6 | 7 | 35 | 51 | 60 | 77) refused=1 detail="no connection, $detail" ;;
        28) detail="no answer in time, $detail" ;;
      esac
      return ;;
  esac
  case $http in
    2??)
      if [ "$got_ok" != yes ]; then detail="the answer is not the API's ($detail)"
      elif [ "$what" != repos ] && { [ -z "$got_status" ] || ! fits "$got_id" "$UUID"; }; then
        detail="the answer is about no run ($detail)"
      elif [ "$within" = .data.run ] && [ "$got_id" != "$run" ]; then detail="the answer is about another run ($detail)"
      else verdict=good proven=1 denials=0; fi ;;
    3??)
      if [ -n "$got_login" ]; then denied "the service saw no token and redirects to its login page (HTTP $http)"
      else odd "the answer is a redirect, which would lose the token (HTTP $http)"; fi ;;
    401) denied "the service refuses the token, which is unknown, expired or revoked ($detail); create one under Settings > Mogplex Keys" ;;
    403) verdict=fatal code=65 detail="the token may not do this ($detail)" ;;
    429) code=75 refused=1 ;;
    503) refused=1 ;;
    501 | 505) odd "the answer is not the API's ($detail)" ;;
    408 | 425 | 5??) ;;
    *)
      if [ "$http" = 400 ] || [ -n "$got_word" ]; then
        verdict=fatal code=2
        [ "$got_word" != IDEMPOTENCY_CONFLICT ] ||
          detail="the key was already used for another request ($detail); another MOGPLEX_KEY_PART makes another key"
      else odd "the answer is not the API's ($detail)"; fi ;;
  esac
  [ -z "$got_word" ] || [ "$http" = 401 ] || proven=1
}
# Fatal if no request has worked yet. After that it may pass: a proxy in trouble, or a token that the database did not find.
odd() { detail="$1; check MOGPLEX_URL and what lies between"; [ -n "$proven" ] || verdict=fatal; }
denied() {
  code=64 refused=1 detail=$1 denials=$((denials + 1))
  if [ -z "$proven" ] || [ "$denials" -gt 2 ]; then verdict=fatal; fi
}

# ---- Before the start: what can be checked without a request -------------------------------------------------------------

read_token() {
  # shellcheck disable=SC2046 # split, so that blanks around it go
  set -- $(echo "${MOGPLEX_API_KEY:-}" | tr -d '\r')
  [ "$#" -gt 0 ] || leave 64 error "Cannot read token: variable MOGPLEX_API_KEY is ${MOGPLEX_API_KEY+empty (protected variables are \
absent on unprotected refs, and merge or pull requests from forks get no secrets)}${MOGPLEX_API_KEY-not set}; create a token under \
Settings > Mogplex Keys"
  if [ "$#" -gt 1 ] || ! fits "$1" '[A-Za-z0-9._~+/-]+=*'; then
    leave 64 error 'Cannot use the token in MOGPLEX_API_KEY: it has characters that no token has'
  fi
  token=$1
  unset MOGPLEX_API_KEY
}
read_origin() {
  origin=$(lower "${MOGPLEX_URL:-https://mogplex.com}")
  origin=${origin%/}
  fits "$origin" 'https?://([a-z0-9.-]+|\[::1\])(:[0-9]+)?' ||
    usage "Cannot use MOGPLEX_URL as it must be an origin such as https://mogplex.com: $(quote "${origin##*@}")"
  if fits "$origin" 'http://(localhost|\[::1\]|127(\.[0-9]{1,3}){3})(:[0-9]+)?' && [ "${MOGPLEX_DEV:-}" = 1 ]; then loopback=1; fi
  case $origin in
    http:*) [ -n "$loopback" ] || usage "Cannot use MOGPLEX_URL as plain HTTP would show the token to the network: \
$(quote "$origin"); MOGPLEX_DEV=1 permits it to this machine" ;;
  esac
  [ "$origin" = https://mogplex.com ] || say "note: sending requests and the token to $origin" >&2
}
read_timeout() {
  timeout=${MOGPLEX_TIMEOUT:-30m}
  if fits "$timeout" '([1-9][0-9]{0,2}h)?([1-9][0-9]{0,4}m)?([1-9][0-9]{0,6}s)?'; then
    timeout=$(($(echo "$timeout" | sed 's/h/*3600+/; s/m/*60+/; s/s/+/; s/$/0/')))
  fi
  if ! fits "$timeout" '[1-9][0-9]{0,6}' || [ "$timeout" -gt 2592000 ]; then usage "Cannot use MOGPLEX_TIMEOUT as it must be \
a time such as 90 (seconds), 30m or 1h30m, at most 2592000 seconds: $(quote "$timeout")"; fi
}
read_prompt() { # [PROMPT]
  [ "$#" -le 1 ] || usage 'Cannot start run: give the prompt as one argument, in quotes'
  case ${1-} in
    -) head -c 1048577 ;;
    -*) usage 'Cannot start run: the prompt begins like a flag, and there are none; give it by MOGPLEX_PROMPT' ;;
    *) printf '%s' "${1:-${MOGPLEX_PROMPT:-}}" ;;
  esac >"$work/prompt"
  [ "$(wc -c <"$work/prompt")" -le 1048576 ] || usage 'Cannot start run: the prompt must have at most 100000 characters'
  is_text <"$work/prompt" || usage 'Cannot start run: the prompt is not UTF-8, or contains a NUL character; save it as UTF-8'
  grep -q '[^[:space:]]' "$work/prompt" ||
    usage 'Cannot start run: the prompt is empty; give it as an argument, as - for standard input, or in MOGPLEX_PROMPT'
}
write_request() { # writes the bytes that every attempt sends
  # shellcheck disable=SC2046
  set -- $(lower "${MOGPLEX_REPO_ID:-}" | tr -d '\r')
  repo=$*
  fits "$repo" "$UUID" || usage "Cannot use MOGPLEX_REPO_ID as it must be a UUID, the id of the repository: $(quote "$*"); the toolkit prints it: repos list"
  mode=$(echo "${MOGPLEX_MODE:-}" | tr abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ)
  # Some services take an unknown mode for AUTO.
  case $mode in '' | SAFE | AUTO | YOLO) ;; *) usage "Cannot use MOGPLEX_MODE as it must be SAFE, AUTO or YOLO: $(quote "$mode")" ;; esac
  create=true # as in the toolkit: without a branch of its own the agent would push to the base branch
  [ -z "${MOGPLEX_WORKING_BRANCH:-}" ] || create=false
  case ${MOGPLEX_CREATE_BRANCH:-$create} in
    true | 1) create=,\"createBranch\":true ;;
    false | 0) create='' ;;
    *) usage "Cannot use MOGPLEX_CREATE_BRANCH as it must be true or false: $(quote "$MOGPLEX_CREATE_BRANCH")" ;;
  esac
  {
    printf '{"repoId":"%s","prompt":"' "$repo"
    encode <"$work/prompt"
    printf '"%s' "$create"
    field harness "${MOGPLEX_HARNESS:-}"
    field mode "$mode"
    field baseBranch "${MOGPLEX_BASE_BRANCH:-}"
    field workingBranch "${MOGPLEX_WORKING_BRANCH:-}"
    field rootDirectory "${MOGPLEX_ROOT:-}"
    printf '}'
  } >"$work/request"
}
field() { [ -z "$2" ] || printf ',"%s":%s' "$1" "$(json "$2")"; }

# ---- The key ------------------------------------------------------------------------------------------------------------

# The identity of the job, as in the toolkit. A row has the variable that shows which CI system this is, and the variables of
# server (reduced to its origin?), project, pipeline, job and node. + joins variables; of those with commas the first one set.
identify() { # sets fields and node
  # act gives every run the same id: the key would find the run of yesterday.
  [ "${ACT:-}:${GITHUB_RUN_ID:-}" != true:1 ] || GITHUB_RUN_ID=''
  server='' project='' pipeline='' job='' node='' fields='' own=${MOGPLEX_CI_JOB:-}
  # shellcheck disable=SC2162
  while read system at cut of in called copy; do
    case $system in *=*) [ "${CI:-}" = "${system#*=}" ] || continue ;; *) [ -n "$(variable "$system")" ] || continue ;; esac
    server=$(variable "$at" | server_of "$cut") project=$(variable "$of") pipeline=$(variable "$in") job=$(variable "$called")
    node=$(variable "$copy")
    break
  done <<'SYSTEMS'
FORGEJO_ACTIONS GITHUB_SERVER_URL path GITHUB_REPOSITORY GITHUB_RUN_ID GITHUB_JOB -
GITEA_ACTIONS GITHUB_SERVER_URL path GITHUB_REPOSITORY GITHUB_RUN_ID GITHUB_JOB -
GITHUB_ACTIONS GITHUB_SERVER_URL path GITHUB_REPOSITORY GITHUB_RUN_ID GITHUB_JOB -
GITLAB_CI CI_SERVER_URL path CI_PROJECT_ID CI_PIPELINE_ID CI_JOB_NAME CI_NODE_INDEX+CI_NODE_TOTAL
SYSTEM_TEAMFOUNDATIONCOLLECTIONURI SYSTEM_COLLECTIONURI,SYSTEM_TEAMFOUNDATIONCOLLECTIONURI path SYSTEM_TEAMPROJECTID,SYSTEM_TEAMPROJECT BUILD_BUILDID SYSTEM_STAGENAME+SYSTEM_PHASENAME+SYSTEM_JOBNAME,SYSTEM_JOBNAME,AGENT_JOBNAME SYSTEM_JOBPOSITIONINPHASE+SYSTEM_TOTALJOBSINPHASE
BUILDKITE BUILDKITE_BUILD_URL origin BUILDKITE_ORGANIZATION_SLUG+BUILDKITE_PIPELINE_SLUG BUILDKITE_BUILD_ID BUILDKITE_STEP_KEY,BUILDKITE_STEP_ID BUILDKITE_PARALLEL_JOB+BUILDKITE_PARALLEL_JOB_COUNT+BUILDKITE_LABEL,BUILDKITE_LABEL
CIRCLECI CIRCLE_BUILD_URL origin CIRCLE_PROJECT_ID,CIRCLE_PROJECT_USERNAME+CIRCLE_PROJECT_REPONAME CIRCLE_WORKFLOW_WORKSPACE_ID,CIRCLE_PIPELINE_ID CIRCLE_JOB CIRCLE_NODE_INDEX+CIRCLE_NODE_TOTAL
BITBUCKET_COMMIT BITBUCKET_GIT_HTTP_ORIGIN origin BITBUCKET_REPO_UUID,BITBUCKET_REPO_FULL_NAME BITBUCKET_PIPELINE_UUID,BITBUCKET_BUILD_NUMBER MOGPLEX_CI_JOB,BITBUCKET_STEP_UUID BITBUCKET_PARALLEL_STEP+BITBUCKET_PARALLEL_STEP_COUNT
TEAMCITY_VERSION BUILD_URL origin TEAMCITY_PROJECT_NAME BUILD_URL,BUILD_NUMBER TEAMCITY_BUILDCONF_NAME -
CI=woodpecker CI_SYSTEM_URL path CI_REPO CI_PIPELINE_NUMBER CI_WORKFLOW_NAME+CI_STEP_NAME,CI_STEP_NAME CI_WORKFLOW_NUMBER
JENKINS_URL JENKINS_URL path JOB_NAME BUILD_ID,BUILD_NUMBER STAGE_NAME,JOB_NAME -
SYSTEMS
  for part in "${server:-$own}" "${project:-$own}" "${pipeline:-$own}" "${job:-$own}"; do
    [ -n "$part" ] || { fields=''; return 0; }
    fields=$fields,$(json "$part")
  done
}
variable() ( # SOURCE
  IFS=,
  for names in $1; do
    IFS=+ list='' count=0
    for name in $names; do
      value=''
      [ "$name" = - ] || eval "value=\${$name:-}"
      [ -n "$value" ] || continue 2
      list=$list,$(json "$value") count=$((count + 1))
    done
    if [ "$count" -gt 1 ]; then printf '[%s]' "${list#,}"; else printf '%s' "$value"; fi
    break
  done
)
server_of() { # path|origin: reads a URL; prints scheme and host, and with path also the path without slashes at its end
  sed -n 's/[?#].*//
    s|^\([Hh][Tt][Tt][Pp][Ss]\{0,1\}://\)[^/]*@|\1|
    s|/*$||
    /^[Hh][Tt][Tt][Pp][Ss]*:\/\/./p' | {
    IFS= read -r url || [ -n "$url" ] || exit 0
    rest=${url#*://}
    base=$(lower "${url%"$rest"}${rest%%/*}")
    case $base in https:*:443) base=${base%:443} ;; http:*:80) base=${base%:80} ;; esac
    [ "$1" = origin ] || base=$base${rest#"${rest%%/*}"}
    printf '%s' "$base"
  }
}
sha256() {
  if command -v sha256sum >/dev/null; then sha256sum
  elif command -v shasum >/dev/null; then shasum -a 256
  elif command -v openssl >/dev/null; then openssl dgst -sha256 -r
  fi
}
derive_key() { # sets base_key and derived
  identify
  if [ -n "$fields" ]; then
    hash=$(printf '%s' "[\"mogplex-ci/1\",\"pipeline\"$fields,$(json "$node"),$(json "${MOGPLEX_KEY_PART:-}"),\"$repo\"]" | sha256)
    base_key=ci1-$(printf '%.40s' "$hash") derived=1
    ! fits "$base_key" 'ci1-[0-9a-f]{40}' || return 0
    say 'Cannot derive a key: there is no sha256sum, shasum or openssl; it is random, so a retry starts another run' >&2
  elif [ -n "${CI:-}" ]; then
    say 'Cannot identify this job: the key is random, so a retry starts another run (MOGPLEX_CI_JOB names the job)' >&2
  fi
  derived='' base_key=$(od -An -v -tx1 -N16 /dev/urandom | tr -d ' \n')
}

# ---- Start --------------------------------------------------------------------------------------------------------------

start() {
  key=$base_key
  for suffix in 2 3 4 5 ''; do
    ask
    stale || break
    [ -n "$suffix" ] || { say 'every key of this job belongs to a run that has ended; MOGPLEX_KEY_PART starts another'; break; }
    say "run $got_id of this key had already ended $got_status: starting afresh with suffix .$suffix"
    key=$base_key.$suffix
  done
  adopt
}
ask() { # sends the start until there is an answer
  attempt=0 lost=0 unsure=''
  while :; do
    sent=$now first=${first:-$now} may_exist=1
    save
    request start "$(limit)"
    [ "$verdict" != good ] || return 0
    tried=1 attempt=$((attempt + 1))
    if [ -z "$refused" ] && [ "$verdict" = wait ]; then unsure=1; fi
    [ -n "$unsure" ] || may_exist=''
    save
    case $http in 429 | 503) ;; *) lost=$((lost + 1)) ;; esac
    case $http in 503) ;; 5??) trouble=${trouble:-$sent} ;; esac
    [ "$verdict" != fatal ] || give_up "$detail"
    [ "$http$got_word" != 503SERVICE_UNAVAILABLE ] || look_up
    [ "$lost" -lt 8 ] || give_up "$detail"
    [ "$retry" -lt $((deadline - now)) ] || give_up "$detail; it asks for $retry s, and the deadline comes first"
    if [ "$retry" -gt 0 ]; then delay=$retry; else backoff "$attempt" 4; fi
    say "Cannot start run yet ($detail, attempt $attempt): trying again in $delay s"
    pause "$delay"
    [ "$now" -lt "$deadline" ] || give_up "$detail"
  done
}
limit() { # seconds for a request: at most 20, and 5 beyond the deadline
  if [ $((deadline - now)) -lt 15 ]; then echo $((deadline > now ? deadline - now + 5 : 5)); else echo 20; fi
}
look_up() { # the service answers 503 for an unknown repository, too: ask once whether it is known
  [ -z "$looked_up" ] || return 0
  looked_up=1 kept=$detail kept_retry=$retry
  request repos "$(limit)"
  [ "$verdict$got_repos" != 'good[' ] ||
    leave 2 error "Cannot start run: the token's user has no repository \"$repo\" (hidden ones are not listed)"
  detail=$kept retry=$kept_retry code=69 verdict=wait
}
give_up() { # REASON
  [ -n "$unsure" ] || leave "$code" error "Cannot start run: $1"
  [ "$verdict" = fatal ] || code=69
  leave "$code" error "Cannot tell whether the run was started: $1; the same start with the idempotency key \"$key\" finds it"
}
stale() { # whether the key found a failed or cancelled run of an earlier attempt, so that a new run is started
  [ "$derived$got_replayed" = 1yes ] || return 1
  case $got_status in failed | cancelled) ;; *) return 1 ;; esac
  # On the clock of this machine, with some tolerance.
  created=$((${got_created:-0} - ${got_date:-$now} + now + 5))
  if [ "$got_status" = failed ] && [ -n "$trouble" ] && [ "$created" -ge "$trouble" ]; then
    leave 69 error "Cannot start run: the service was in trouble, and failed run $got_id before it began; try again later"
  fi
  [ -z "$tried" ] || [ "$created" -lt "$first" ]
}
adopt() {
  run=$got_id run_status=$got_status
  save
  if [ "$got_replayed" = yes ]; then say "matched existing run $run ($run_status)"; else say "started run $run ($run_status)"; fi
}
save() { # what the signal handler needs
  echo "run='$run' run_status='$run_status' key='$key' may_exist='$may_exist' first='$first'" >"$work/state.new"
  mv -f "$work/state.new" "$work/state"
}

# ---- Follow -------------------------------------------------------------------------------------------------------------

follow() {
  attempt=0
  while :; do
    request look "$(limit)"
    case $verdict in
      good)
        attempt=0 before=$run_status run_status=$got_status
        case $run_status in
          success)
            name_pull
            leave 0 success '' ;;
          failed) leave 1 failed "$got_text" ;;
          cancelled) leave 3 cancelled "$got_text" ;;
          awaiting_input) leave 4 awaiting_input 'the run waits for a person: answer it in the app, or cancel it' ;;
        esac
        [ "$run_status" = "$before" ] || say "run is $run_status"
        # Short while the run is young, and far from the 60 requests a minute that all jobs with this token share.
        if [ $((now - began)) -lt 60 ]; then delay=5; else delay=10; fi ;;
      fatal) leave "$code" error "Cannot read run: $detail" ;;
      wait)
        attempt=$((attempt + 1))
        if [ "$retry" -gt 0 ]; then delay=$retry; else backoff "$attempt" 2; fi
        say "Cannot read run yet ($detail, attempt $attempt): trying again in $delay s" ;;
    esac
    if [ "$now" -ge "$deadline" ]; then
      [ "$verdict" = good ] || leave "$code" error "Cannot read run: $detail; it goes on"
      leave 124 deadline 'the run has not ended in time; it goes on'
    fi
    pause "$delay"
  done
}
name_pull() { # says where the pull request is, which only an event tells; the verdict stands without it
  request events "$(limit)"
  if [ "$verdict" = good ] && [ -n "$got_pull" ]; then say "pull request $got_pull"; fi
}
interrupt() { # NAME CODE: cancels the run in at most 4 s, as some runners kill after 5
  trap '' INT TERM HUP
  kill "$!" 2>/dev/null
  # What the child has just begun may still have to leave its id.
  id='' tries=0
  while [ -e "$work/program" ] && [ -z "$id" ] && [ "$tries" -lt 1000 ]; do
    tries=$((tries + 1))
    # shellcheck disable=SC2162
    read id <"$work/program" || :
  done
  [ -z "$id" ] || kill "$id" 2>/dev/null
  # shellcheck disable=SC1091 # it is written by save
  [ ! -e "$work/state" ] || . "$work/state"
  clock
  reason="Stopped by $1; no run was started"
  if [ -z "$run" ] && [ -n "$may_exist" ]; then # the start was under way: sending it again with the same key finds its run
    tried=1
    request start 2
    if [ "$verdict" != good ]; then reason="Stopped by $1; a run may go on, as it could not be found: $detail"
    elif ! stale; then adopt; fi
  fi
  if [ -n "$run" ]; then
    request cancel 2
    [ "$verdict" = good ] || request cancel 2
    reason="Stopped by $1; the run may go on, as it could not be cancelled: $detail"
    if [ "$verdict" = good ]; then run_status=$got_status reason="Stopped by $1; the run is $run_status"; fi
  fi
  leave "$2" interrupted "$reason"
}

# ---- The program --------------------------------------------------------------------------------------------------------

token='' armed='' run='' run_status='' ended='' work='' loopback='' may_exist='' first='' trouble='' tried='' looked_up='' proven='' denials=0
clock
began=$now spoke=$now
trap '' PIPE
curl --version >/dev/null 2>&1 || usage 'Cannot send requests: there is no curl'
work=$(mktemp -d) || usage 'Cannot make a temporary directory'
read_token
read_origin
read_timeout
deadline=$((began + timeout))
# Not "$@": without arguments it is an error in posh.
read_prompt ${1+"$@"}
write_request
derive_key
# A child does the work, and this process only waits for it: so signals are handled at once, and none arrives in the middle of
# an expansion, where bash loses it. Up to this line a signal ends the script like any other program; with a trap for EXIT alone,
# mksh would end with 0.
armed=1
trap cleared EXIT
trap 'interrupt SIGINT 130' INT
trap 'interrupt SIGTERM 143' TERM
trap 'interrupt SIGHUP 129' HUP
(
  trap - EXIT INT TERM HUP
  start
  follow
) &
wait "$!"
ended=$?
# The work was killed, perhaps by a signal that is about to reach this process, too.
[ "$ended" -lt 126 ] || { sleep 1 & wait "$!"; ended=''; }
(exit "${ended:-70}")
