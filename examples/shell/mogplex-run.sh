#!/bin/sh
set +ex # a trace would show the token
#
# Starts a hosted agent run, follows it and exits with its verdict. For runners that have only sh and curl.
#
#   mogplex-run.sh 'Fix the flaky tests'     or - for standard input; or MOGPLEX_PROMPT or MOGPLEX_PROMPT_FILE
#
# Needs a POSIX shell (tested with dash, bash, bash --posix, BusyBox, zsh, ksh93, mksh, posh, and yash in a UTF-8 locale), curl
# 7.20 or newer, and awk (tested with mawk, gawk, BusyBox and the original), chmod, date, grep, head, mkdir, mktemp, mv, od,
# printf, rm, sed, sh, sleep, tr, wc. So that a retried job finds its run it also needs sha256sum, shasum or openssl. No jq.
#
#   MOGPLEX_API_KEY, MOGPLEX_API_KEY_FILE   the token, or a file that contains it
#   MOGPLEX_REPO_ID                         UUID of the repository
#   MOGPLEX_HARNESS, MOGPLEX_MODE           codex, claude-code or mogplex; SAFE, AUTO or YOLO
#   MOGPLEX_BASE_BRANCH, MOGPLEX_WORKING_BRANCH, MOGPLEX_CREATE_BRANCH (true or false), MOGPLEX_ROOT (. is the root)
#   MOGPLEX_TIMEOUT                         how long to wait in all: 1h30m, or 90 for seconds (default 30m)
#   MOGPLEX_ON_TIMEOUT                      detach (default) or cancel
#   MOGPLEX_ON_INTERRUPT                    auto (default: cancel; detach on a terminal outside CI), cancel or detach
#   MOGPLEX_KEY_SCOPE                       pipeline (default in CI, not in act: a retried job attaches to its run) or random
#   MOGPLEX_KEY_PART                        any text; makes a different key, for several runs of one job
#   MOGPLEX_CI_JOB                          pipeline and job, on a CI system that this script does not know
#   MOGPLEX_TOKEN_SHARE                     how many jobs use the token at the same time (default 1)
#   MOGPLEX_OUT                             directory of outputs.env (default mogplex-ci); on GitHub also step outputs
#   MOGPLEX_URL                             another origin of the service
#   MOGPLEX_DEV, MOGPLEX_DEV_HOST           1 allows plain HTTP to this machine (without a proxy); or to this host
#
# Ends with 0 success, 1 failed, 2 usage, 3 cancelled, 4 awaiting input, 64 unauthorized, 65 forbidden, 69 unavailable,
# 70 internal, 75 rate limited, 124 deadline, 129/130/143 SIGHUP/SIGINT/SIGTERM.
#
# The keys are the same as those of the toolkit. The toolkit can do more. This script never reads events, so it does not show
# the agent's steps, branch or pull request. It writes no reports, has no key scopes job and day, and cannot resume, follow or
# clean up what an earlier process left behind. It masks only the plain token and text that looks like one. It understands
# Retry-After in seconds and as the usual date. It measures time by the clock of the machine: if that steps back, or by more
# than two minutes, the step is ignored. If the answer about a run is larger than 4 MiB, there is no verdict. The deadline is
# kept to a few seconds: 5 for a last look, and 13 to cancel the run there.

set -u

# ---- The shell ----------------------------------------------------------------------------------------------------------

# zsh as sh, without its aliases, arrays and options; other shells skip this line.
[ -z "${ZSH_VERSION:-}" ] || emulate sh
if [ -n "${YASH_VERSION:-}" ]; then
  case $(printf '\303\251' 2>/dev/null) in
    ?) ;;
    *)
      echo 'mogplex-run: Cannot run in yash without a locale that has UTF-8: it would lose characters; set LC_ALL=C.UTF-8' >&2
      exit 2 ;;
  esac
fi
LC_ALL=C
export LC_ALL
NEWLINE='
'
BLANKS=$(printf ' \t\n\v\f\r.')
BLANKS=${BLANKS%.}
IFS=$(printf ' \t\n.')
IFS=${IFS%.}

# ---- Texts and answers: programs for awk --------------------------------------------------------------------------------

# Turns its input into a JSON string in ASCII (mode prompt: trimmed), or into one harmless line for people (mode show: for
# printf %b). Characters are numbers here, so that no program needs to know UTF-8. Exits 3 if the input is not UTF-8, 4 if it
# contains NUL, 5 if it is empty, 6 if it has more than 100000 UTF-16 units, 7 if it is UTF-16: its byte order mark says so, or
# at least half of its characters have a NUL on the same side.
# shellcheck disable=SC2016
AWK_ENCODE='
function chr(u) { return sprintf("%c", u) }
function byte(c) { return sprintf("\\0%o", c) }
function bytes(u) {
  if (u < 128) return u == 92 ? "\\0134" : chr(u)
  if (u < 2048) return byte(192 + int(u / 64)) byte(128 + u % 64)
  if (u < 65536) return byte(224 + int(u / 4096)) byte(128 + int(u / 64) % 64) byte(128 + u % 64)
  return byte(240 + int(u / 262144)) byte(128 + int(u / 4096) % 64) byte(128 + int(u / 64) % 64) byte(128 + u % 64)
}
function decode(c) { # the character that this byte completes, or -1
  if (c >= 128 && c < 192 && need > 0) {
    char = char * 64 + c - 128
    if (--need > 0) return -1
    if (char >= low && char < 1114112 && (char < 55296 || char > 57343)) return char
    broken = 1
    return 65533
  }
  if (need > 0) broken = 1
  need = c < 194 || c > 244 ? 0 : c < 224 ? 1 : c < 240 ? 2 : 3
  if (need == 0) { if (c > 127) { broken = 1; c = 65533 }; return c }
  low = need == 1 ? 128 : need == 2 ? 2048 : 65536
  char = c - (need == 1 ? 192 : need == 2 ? 224 : 240)
  return -1
}
function invisible(u) { # zero-width characters, directions, fillers, variation selectors, tags
  return u == 173 || u == 847 || u == 1564 || u == 4447 || u == 4448 || u == 6068 || u == 6069 || (u > 6154 && u < 6160) ||
    (u > 8202 && u < 8208) || (u > 8233 && u < 8239) || (u > 8287 && u < 8304) || u == 12644 || (u > 65023 && u < 65040) ||
    u == 65279 || u == 65440 || (u > 65519 && u < 65532) || (u > 113823 && u < 113828) || (u > 119154 && u < 119163) ||
    (u > 917503 && u < 921600)
}
function show(u) { # control characters become a blank, and commands of CI systems are broken up
  if (u < 33 || (u > 126 && u < 161) || u == 8232 || u == 8233) u = 32
  if (invisible(u) || (u == 32 && last == 32) || ++many > 4000) return
  line = line (u == last && (u == 58 || u == 35) ? " " : "") bytes(u)
  last = u
}
function escape(u) {
  if (u == 34 || u == 92) return "\\" chr(u)
  if (u > 31 && u < 127) return chr(u)
  if (u < 65536) return sprintf("\\u%04x", u)
  return sprintf("\\u%04x\\u%04x", 55296 + int((u - 65536) / 1024), 56320 + u % 1024)
}
function blank(u) { # what the service trims
  return u == 32 || (u > 8 && u < 14) || u == 160 || u == 5760 || (u > 8191 && u < 8203) || u == 8232 || u == 8233 ||
    u == 8239 || u == 8287 || u == 12288 || u == 65279
}
function put(u) {
  if (mode == "show") { show(u); return }
  if (u == 0) nul = 1
  if (mode == "prompt" && blank(u)) {
    if (units > 0) { blanks = blanks escape(u); waiting++ }
    return
  }
  printf "%s%s", blanks, escape(u)
  units += waiting + (u > 65535 ? 2 : 1)
  blanks = ""; waiting = 0
}
BEGIN { if (mode != "show") printf "\"" }
{
  for (i = 1; i <= NF; i++) {
    if (size < 2) mark = mark * 256 + $i
    if ($i + 0 == 0) zeros[size % 2]++
    size++
    u = decode($i + 0)
    if (u >= 0) put(u)
  }
}
END {
  wide = (zeros[0] > 0) != (zeros[1] > 0) && size % 2 == 0 && 4 * (zeros[0] + zeros[1]) >= size
  wide = wide || (size > 1 && (mark == 65279 || mark == 65534))
  gsub(/[Ss][Ee][Cc][Tt][Ii][Oo][Nn]_|[Tt][Rr][Aa][Vv][Ii][Ss]_/, "& ", line)
  gsub(/mog_[A-Za-z0-9][A-Za-z0-9]+/, "[redacted]", line)
  if (mode == "show") { printf "%s", line; exit 0 }
  printf "\""
  exit wide ? 7 : broken || need > 0 ? 3 : nul ? 4 : mode == "prompt" && units == 0 ? 5 : units > 100000 ? 6 : 0
}'

# Prints the facts of an answer, one per line; nothing if the answer is not JSON. KIND (start, look, cancel, repos) says where
# the contract has them: a start has the run's fields in data, a look and a cancel have them in data.run. Agrees with JSON.parse:
# names and words may be written with escapes, and of two fields with the same name the last one counts. A record is what lies
# between two quotation marks. Those inside strings were replaced by \u0022 before, so the content of a string is never read
# as JSON.
# shellcheck disable=SC2016
AWK_ANSWER='
function begin() { # a value begins: sets p to its path, and forgets an earlier field of the same name
  p = depth == 0 ? "$" : depth > 4 ? "-" : path[depth] (top[depth] == "[" ? "[" count[depth]++ : "." name)
  # Keep only the fields that are used: searching a large answer for each of its values would take minutes.
  if (p !~ /^[$]([.](ok|error([.](code|message))?|data([.](run([.](runId|status|error))?|runId|status|replayed|alreadyTerminal|createdAt|error|repos([[]0)?))?))?$/) p = "-"
  if (p != "-") for (k in fact) if (k == p || index(k, p ".") == 1 || index(k, p "[") == 1) delete fact[k]
}
function over() { want = depth > 0 ? "next" : "end" }
function step(t) {
  isvalue = want == "value" || (want == "first" && top[depth] == "[")
  if (t == "{" || t == "[") {
    if (!isvalue) bad = 1
    begin(); fact[p] = t; depth++; top[depth] = t; path[depth] = p; count[depth] = 0; want = "first"
  } else if (t == "}" || t == "]") {
    if (depth == 0 || top[depth] != (t == "}" ? "{" : "[") || (want != "next" && want != "first")) { bad = 1; return }
    depth--
    over()
  } else if (t == ":" && want == "colon") want = "value"
  else if (t == "," && want == "next") want = top[depth] == "{" ? "key" : "value"
  else if (isvalue && t ~ /^(true|false|null|-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?)$/) {
    begin(); fact[p] = "l" t; over()
  } else bad = 1
}
function text(t) {
  rest = t
  gsub(/\\([\/bfnrt]|u[0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f])/, "", rest)
  if (index(rest, "\\") || rest ~ "[\001-\037]") { bad = 1; return }
  if (want == "key" || (want == "first" && top[depth] == "{")) {
    t = decoded(t)
    name = t ~ /^[A-Za-z0-9_]+$/ ? t : "?"
    want = "colon"
    return
  }
  if (want != "value" && !(want == "first" && top[depth] == "[")) { bad = 1; return }
  begin(); fact[p] = "s" t; over()
}
function decoded(t, out) { # \u0020 to \u007f as characters; a text with other escapes keeps a backslash, so it is no word
  if (length(t) > 400) return "\\"
  while (match(t, /\\u00[2-7][0-9A-Fa-f]/)) {
    out = out substr(t, 1, RSTART - 1) sprintf("%c", substr(t, RSTART + 4, 1) * 16 + \
      index("0123456789abcdef", tolower(substr(t, RSTART + 5, 1))) - 1)
    t = substr(t, RSTART + 6)
  }
  return out t
}
function word(at, t) { # the string at this path if it is a plain word: other text must be made harmless first
  t = at in fact && fact[at] ~ /^s/ ? decoded(substr(fact[at], 2)) : ""
  return length(t) < 65 && t ~ /^[A-Za-z0-9_.:+-]+$/ ? t : ""
}
function show(label, value) { if (value != "") print label, value }
function yes(at) { return at in fact && fact[at] == "ltrue" ? "yes" : "" }
BEGIN { RS = "\""; want = "value" }
bad { next }
NR % 2 == 0 { text($0); next }
{
  gsub(/[][{}:,]/, " & ")
  n = split($0, token, /[ \t\r\n]+/)
  for (i = 1; i <= n && !bad; i++) if (token[i] != "") step(token[i])
}
END {
  if (bad || want != "end") exit 0
  run = kind == "start" ? "$.data" : "$.data.run"
  show("ok", yes("$.ok")); show("word", word("$.error.code")); show("id", word(run ".runId"))
  show("status", word(run ".status")); show("replayed", yes("$.data.replayed"))
  show("terminal", yes("$.data.alreadyTerminal"))
  if (kind == "cancel" && word("$.data.status") != word(run ".status")) print "torn yes"
  if ("$.data.repos" in fact && fact["$.data.repos"] == "[") print "repos", ("$.data.repos[0" in fact ? "some" : "none")
  at = word("$.data.createdAt")
  if (at ~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]/)
    printf "created %.0f\n", epoch(substr(at, 1, 4), substr(at, 6, 2) + 0, substr(at, 9, 2), substr(at, 12, 8))
  at = "$.error.message" in fact ? "$.error.message" : run ".error"
  t = at in fact && fact[at] ~ /^s/ ? substr(fact[at], 2, 24000) : ""
  gsub(/\\u005c/, "\001", t); gsub(/\\u0022/, "\"", t); gsub(/\\\//, "/", t); gsub(/\\([bfnrt]|u00[01].)/, " ", t)
  gsub(/\\u..../, "?", t)
  if (t != "") print "text", t
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

# From the last block of headers: Date and Retry-After in seconds, and whether a redirect leads to the login page.
# shellcheck disable=SC2016
AWK_HEADERS='
/^HTTP\// { date = 0; retry = ""; login = 0; next }
{
  k = index($0, ":")
  field = tolower(substr($0, 1, k - 1)); v = substr($0, k + 1)
  gsub(/^[ \t]+|[ \t\r]+$/, "", v)
  if (field == "date") date = httpdate(v)
  if (field == "retry-after" && v + 0 >= retry + 0) retry = v
  if (field == "location" && v ~ /^[^?#]*\/login([?#\/]|$)/) login = 1
}
END {
  if (date) printf "date %.0f\n", date
  if (retry ~ /^[0-9]+$/) printf "retry %.0f\n", (length(retry) > 9 ? 999999999 : retry)
  else if ((k = httpdate(retry) - (date ? date : now)) > 0) printf "retry %.0f\n", k
  if (login) print "login yes"
}'

# ---- Words --------------------------------------------------------------------------------------------------------------

masked() { # TEXT: sets masked to the text without the token
  masked=$1
  while [ -n "$token" ]; do
    case $masked in
      *"$token"*) masked="${masked%%"$token"*}[redacted]${masked#*"$token"}" ;;
      *) return 0 ;;
    esac
  done
}
# If the reader of the output has gone, go on with the run.
say() { masked "$1"; spoke=$elapsed; printf 'mogplex-run: %b\n' "$masked" 2>/dev/null || :; }
tell() { masked "$1"; printf 'mogplex-run: %b\n' "$masked" >&2 2>/dev/null || :; }
encode() { od -An -v -tu1 | awk -v mode="$1" "$AWK_ENCODE"; }
quote() { printf '"%s"' "$(printf '%s' "$1" | encode show)"; }
lower() { printf '%s' "$1" | tr ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz; }
fits() { # TEXT EXTENDED_REGULAR_EXPRESSION: whether the whole text is one line that matches; no such text has a backslash
  case $1 in *"$NEWLINE"* | *\\*) return 1 ;; esac
  # Not printf: in some shells it is another program, and its arguments, a token perhaps, are visible to other users.
  echo "=$1" | grep -Eqx -e "=($2)"
}
trim() { # TEXT: sets trimmed
  trimmed=$1
  while :; do
    case $trimmed in
      [$BLANKS]*) trimmed=${trimmed#?} ;;
      *[$BLANKS]) trimmed=${trimmed%?} ;;
      *) return 0 ;;
    esac
  done
}

leave() { # CODE OUTCOME REASON: every exit goes through here
  ended=$1
  [ -z "$work" ] || printf '%s\n' "$1" >"$work/end"
  [ -z "$ready" ] || publish "$2"
  if [ -n "$run" ]; then say "verdict $2 (exit code $1)${3:+: $3}; run $run ($run_status), $elapsed s, $requests requests"
  else tell "$3"; fi
  exit "$1"
}
usage() { leave 2 error "$1"; }
cleared() { # runs at every exit; an exit without leave is a bug
  rm -rf "$work"
  # Some shells forget the exit code of leave when this is called.
  [ -z "$ended" ] || exit "$ended"
  tell 'Cannot go on: the script failed'
  exit 70
}
publish() { # OUTCOME: outputs for later steps and jobs; only values that are safe to paste into a script
  if [ -n "${GITHUB_OUTPUT:-}" ]; then
    if [ -z "$1" ]; then printf 'run_id=%s\nreplayed=%s\n' "$run" "$replayed"
    else printf 'status=%s\noutcome=%s\n' "$run_status" "$1"; fi >>"$GITHUB_OUTPUT"
  fi
  # Write a new file and rename it, so that a planted symbolic link is never followed.
  new=$(mktemp "$out/outputs.XXXXXX") || return 0
  printf 'MOGPLEX_RUN_ID=%s\nMOGPLEX_RUN_STATUS=%s\nMOGPLEX_OUTCOME=%s\nMOGPLEX_REPLAYED=%s\n' \
    "$run" "$run_status" "$1" "$replayed" >"$new" && chmod 644 "$new" && mv -f "$new" "$out/outputs.env"
}

# ---- Time ---------------------------------------------------------------------------------------------------------------

tick() {
  now=$(date +%s)
  delta=$((now - seen)) seen=$now
  if [ "$delta" -gt 0 ] && [ "$delta" -le 120 ]; then elapsed=$((elapsed + delta)); fi
}
chance() { # N: sets chance to a number from 0 to N
  seed=$(((seed * 75 + 74) % 65537))
  chance=$((seed % ($1 + 1)))
}
backoff() { # ATTEMPT BASE: sets delay, which doubles up to 30 s; its upper half is random
  delay=$2 doubled=1
  while [ "$doubled" -lt "$1" ] && [ "$delay" -lt 30 ]; do delay=$((delay * 2)) doubled=$((doubled + 1)); done
  [ "$delay" -le 30 ] || delay=30
  chance $((delay / 2))
  delay=$(((delay + 1) / 2 + chance))
}
# Runs a program, which first writes its process id to a file: so it can be ended even if the shell that started it is killed
# before it knows the id. - in the file means that the program has just begun.
program() { # NAME [ARGUMENT]...
  # shellcheck disable=SC2016
  exec sh -c 'echo "$$" >>"$0" && exec "$@"' "$work/child" "$@"
}
nap() { # SECONDS: sleeps without keeping our files open
  echo - >"$work/child"
  program sleep "$1" >/dev/null 2>&1 &
  wait "$!" || leave 70 error 'Cannot wait: sleep does not work'
  : >"$work/child"
  # Once its parent has been killed, nobody waits for this process.
  kill -0 "$$" 2>/dev/null || exit 70
}
pause() { # SECONDS: sleeps, at most until the deadline; true if the deadline has not come
  tick
  until=$((elapsed + $1))
  [ "$until" -le "$timeout" ] || until=$timeout
  while [ "$elapsed" -lt "$until" ]; do
    slice=$((until - elapsed))
    [ "$slice" -le 40 ] || slice=40
    # A request may take another 20 s, and the log should get a line at least every minute.
    [ $((elapsed - spoke + slice)) -le 40 ] || say "... ${run_status:-starting} for $elapsed s, $requests requests"
    nap "$slice"
    tick
  done
  [ "$elapsed" -lt "$timeout" ]
}

clip() { # SECONDS: sets clipped to as many, but not beyond the deadline
  clipped=$((timeout - elapsed))
  [ "$clipped" -le "$1" ] || clipped=$1
  [ "$clipped" -gt 0 ] || clipped=1
}

# ---- Requests -----------------------------------------------------------------------------------------------------------

facts() { # KIND: reads an answer
  tr '\000' '\001' | sed 's/\\\\/\\u005c/g; s/\\"/\\u0022/g' | awk -v kind="$1" "$AWK_TIME$AWK_ANSWER" | tr '\001' '\134'
}
send() { # start|look|cancel|repos PATH SECONDS: sends one request; sets http, broken and the facts of the answer
  : >"$files.head"
  : >"$files.body"
  echo - >"$work/child"
  { # on standard input and with echo, because arguments are visible to other users; no value has a backslash
    echo "url = \"$origin/api/v1/mogplex$2\""
    echo "header = \"Authorization: Bearer $token\""
    echo 'header = "Accept: application/json"'
    echo 'header = "Expect:"'
    echo 'user-agent = "mogplex-run.sh"'
    [ -z "$loopback" ] || echo 'noproxy = "*"'
    case $1 in
      start)
        echo 'header = "Content-Type: application/json"'
        echo "header = \"Idempotency-Key: $key\""
        echo "data-binary = \"@$work/request\"" ;;
      cancel) echo 'data = ""' ;;
    esac
  } | program curl -q -s -g -K - --proto "=$scheme" --connect-timeout 10 --max-time "$3" --max-filesize "$MAX_BODY" \
    -D "$files.head" -o "$files.body" -w '%{http_code}\n' >"$files.code" 2>/dev/null &
  wait "$!"
  broken=$? requests=$((requests + 1))
  : >"$work/child"
  read -r http <"$files.code" || http=000
  [ "$(wc -c <"$files.body")" -le "$MAX_BODY" ] || broken=63
  tick
  got_ok='' got_word='' got_id='' got_status='' got_replayed='' got_terminal='' got_torn='' got_repos='' got_created=''
  got_text='' got_date='' got_retry='' got_login=''
  lines=$(
    awk -v now="$now" "$AWK_TIME$AWK_HEADERS" <"$files.head"
    [ "$broken" -ne 0 ] || facts "$1" <"$files.body"
  )
  # shellcheck disable=SC2034 # value is used by eval
  while read -r name value; do
    case $name in
      ok | word | id | status | replayed | terminal | torn | repos | created | text | date | retry | login)
        eval "got_$name=\$value" ;;
    esac
  done <<FACTS
$lines
FACTS
  got_id=$(lower "$got_id") got_text=$(printf '%s' "$got_text" | encode show)
  [ -z "$got_date" ] || skew=$((got_date - now))
}

# Sets what the answer means: verdict (good, wait, fatal), code, detail, and refused if the request cannot have had an effect.
# WANTED is the id of a run, * for any run, or empty.
judge() {
  verdict=wait code=69 refused='' retry=${got_retry:-0}
  detail="HTTP $http${got_word:+ $got_word}${got_text:+: \"$got_text\"}"
  case $broken:$http in
    0:* | *:429 | *:503) ;;
    *)
      retry=0 detail=$(network)
      case $broken in 5 | 6 | 7 | 35 | 51 | 60 | 77) refused=1 ;; esac
      return ;;
  esac
  case $http in
    2??)
      if [ "$got_ok" != yes ]; then detail="the answer is not the API's ($detail)"
      elif [ -n "$1" ] && { [ -z "$got_status" ] || ! fits "$got_id" "$UUID"; }; then
        detail="the answer is about no run ($detail)"
      elif [ -n "$got_torn" ]; then
        detail="the answer has two statuses ($detail)"
      elif [ -n "$1" ] && [ "$1" != '*' ] && [ "$got_id" != "$1" ]; then
        detail="the answer is about another run ($detail)"
      else verdict=good proven=1 denials=0; fi ;;
    3??)
      if [ -n "$got_login" ]; then denied "the service saw no token and redirects to its login page (HTTP $http)"
      else odd "the answer is a redirect, which would lose the token (HTTP $http)"; fi ;;
    401) denied "the service refuses the token, which is unknown, expired or revoked ($detail); create one under Settings > Mogplex Keys" ;;
    403) verdict=fatal code=65 detail="the token may not do this ($detail)" ;;
    429) code=75 refused=1 ;;
    503) refused=1 ;;
    408 | 425) ;;
    501 | 505) odd "the answer is not the API's ($detail)" ;;
    5??) ;;
    *)
      if [ "$http" = 400 ] || [ -n "$got_word" ]; then verdict=fatal code=2
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
network() {
  case $broken in
    5 | 6) printf 'the name of the host or proxy cannot be resolved' ;;
    7) printf 'connection refused' ;;
    35 | 51 | 60 | 77) printf 'the TLS connection cannot be trusted, curl error %s' "$broken" ;;
    18 | 52 | 55 | 56) printf 'the connection broke' ;;
    28) printf 'no answer in time' ;;
    63) printf 'the answer is too large' ;;
    *) printf 'curl error %s' "$broken" ;;
  esac
}

# ---- Before the start: everything that can be checked without a request --------------------------------------------------

read_token() {
  from='variable MOGPLEX_API_KEY'
  trim "${MOGPLEX_API_KEY:-}"
  if [ -n "${MOGPLEX_API_KEY_FILE:-}" ]; then
    [ -z "$trimmed" ] || usage 'Cannot read token: MOGPLEX_API_KEY and MOGPLEX_API_KEY_FILE are both set, unset one of them'
    from='the file of MOGPLEX_API_KEY_FILE'
    ! unreadable "$MOGPLEX_API_KEY_FILE" || usage "Cannot read token: $from $why"
    # A shell drops NUL, so the bytes are checked before.
    head -c "$MAX_TOKEN" <"$MOGPLEX_API_KEY_FILE" | encode json >/dev/null || case $? in
      7) leave 64 error "Cannot use the token in $from: this file is UTF-16: save it as UTF-8" ;;
      3 | 4) leave 64 error "Cannot use the token in $from: it has characters that no token has" ;;
    esac
    trim "$(head -c "$MAX_TOKEN" <"$MOGPLEX_API_KEY_FILE")"
  elif [ -z "${MOGPLEX_API_KEY+set}" ]; then
    leave 64 error "Cannot read token: $from is not set; create a token under Settings > Mogplex Keys and put it there"
  fi
  [ -n "$trimmed" ] || leave 64 error "Cannot read token: $from is empty (protected variables are \
absent on unprotected refs, and merge or pull requests from forks get no secrets)"
  case $trimmed in
    /*) [ ! -f "$trimmed" ] ||
      leave 64 error "Cannot use the token in $from: it is the path of a file (a CI variable of type File, perhaps); \
put the path in MOGPLEX_API_KEY_FILE" ;;
  esac
  fits "$trimmed" 'mog_[A-Za-z0-9]+|[A-Za-z0-9.~+/-][A-Za-z0-9._~+/-]*=*' ||
    leave 64 error "Cannot use the token in $from: it has characters that no token has"
  token=$trimmed
  unset MOGPLEX_API_KEY
}
read_origin() {
  trim "${MOGPLEX_URL:-https://mogplex.com}"
  scheme=$(lower "${trimmed%%://*}") host=$(lower "${trimmed#*://}")
  host=${host%/}
  [ "$host" != www.mogplex.com ] || host=mogplex.com
  origin=$scheme://$host
  fits "$origin" 'https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?' ||
    usage "Cannot use MOGPLEX_URL as it must be an origin such as https://mogplex.com: $(quote "${trimmed##*@}")"
  name=$(printf '%s' "$host" | sed 's/:[0-9]*$//')
  if [ "$scheme" = http ]; then
    if fits "$name" 'localhost|\[::1\]|127(\.[0-9]{1,3}){3}'; then loopback=1; fi
    if [ "${MOGPLEX_DEV:-}" != 1 ] || [ "${NODE_ENV:-}" = production ] || { [ -z "$loopback" ] &&
      [ "$host" != "${MOGPLEX_DEV_HOST:-}" ] && [ "$name" != "${MOGPLEX_DEV_HOST:-}" ]; }; then
      usage "Cannot use MOGPLEX_URL as plain HTTP would show the token to the network: $(quote "$trimmed"); with MOGPLEX_DEV=1 \
it is permitted to this machine, and to the host in MOGPLEX_DEV_HOST"
    fi
  fi
  [ "$origin" = https://mogplex.com ] || tell "note: sending requests and the token to $origin"
}
choice() { # VARIABLE VALUE CHOICES
  for item in $3; do
    [ "$2" != "$item" ] || return 0
  done
  usage "Cannot use $1 as it must be one of $3: $(quote "$2")"
}
number() { # VARIABLE VALUE MAXIMUM
  if ! fits "$2" '[1-9][0-9]{0,6}' || [ "$2" -gt "$3" ]; then
    usage "Cannot use $1 as it must be a whole number from 1 to $3: $(quote "$2")"
  fi
}
duration() { # VARIABLE VALUE MAXIMUM: sets seconds from 90, 30m or 1h30m
  seconds=$2
  if fits "$2" '([1-9][0-9]{0,2}h)?([1-9][0-9]{0,4}m)?([1-9][0-9]{0,6}s)?'; then
    seconds=$(($(echo "$2" | sed 's/h/*3600+/; s/m/*60+/; s/s/+/; s/$/0/')))
  fi
  if ! fits "$seconds" '[1-9][0-9]{0,6}' || [ "$seconds" -gt "$3" ]; then
    usage "Cannot use $1 as it must be a time such as 90 (seconds), 30m or 1h30m, at most $3 seconds: $(quote "$2")"
  fi
}
branch() { # VARIABLE VALUE: checks the rules of the service and of Git, which would fail the run minutes later
  case $2 in
    *[!A-Za-z0-9_./-]* | HEAD | /* | */ | *. | *.lock | *.lock/* | *..* | *//* | -* | .* | */.*)
      usage "Cannot use $1 as it is not a branch name that the service and Git accept: $(quote "$2")" ;;
  esac
}
unreadable() { # FILE: sets why if it cannot be read; opening a FIFO or a device might wait for ever
  why=''
  if [ ! -e "$1" ]; then why='does not exist'
  elif [ ! -f "$1" ]; then why='is not an ordinary file'
  elif [ ! -r "$1" ]; then why='cannot be read'; fi
  [ -n "$why" ]
}
linked() { # PATH: whether a part of it below the working directory is a symbolic link, which a checkout can plant
  part=${1#"$PWD"/}
  case $part in /*) return 1 ;; esac
  while [ ! -L "$part" ]; do
    case $part in */*) part=${part%/*} ;; *) return 1 ;; esac
  done
}
make_out() { # makes the directory of outputs.env, part by part, so that none is made behind a link
  rest=$out/ made=''
  while [ -n "$rest" ]; do
    made=$made${rest%%/*}/ rest=${rest#*/}
    [ "$made" = / ] || ! linked "${made%/}" || return 1
    [ -d "$made" ] || mkdir "$made" 2>/dev/null || [ -d "$made" ] || return 1
  done
  [ ! -L "$out" ] && [ -w "$out" ] && [ ! -d "$out/outputs.env" ]
}
read_prompt() { # [PROMPT]
  case ${1:+argument}${MOGPLEX_PROMPT:+variable}${MOGPLEX_PROMPT_FILE:+file} in
    argument*) if [ "$1" = - ]; then head -c "$((MAX_TEXT + 1))"; else printf '%s' "$1"; fi ;;
    variable) printf '%s' "$MOGPLEX_PROMPT" ;;
    file)
      ! unreadable "$MOGPLEX_PROMPT_FILE" || usage "Cannot read prompt: file $(quote "$MOGPLEX_PROMPT_FILE") $why"
      ! linked "$MOGPLEX_PROMPT_FILE" ||
        usage "Cannot read prompt: file $(quote "$MOGPLEX_PROMPT_FILE") is reached through a symbolic link"
      head -c "$((MAX_TEXT + 1))" <"$MOGPLEX_PROMPT_FILE" ;;
    '') usage 'Cannot start run: give a prompt: an argument, - for standard input, MOGPLEX_PROMPT or MOGPLEX_PROMPT_FILE' ;;
    *) usage 'Cannot choose a prompt: MOGPLEX_PROMPT and MOGPLEX_PROMPT_FILE are both set, unset one of them' ;;
  esac >"$work/prompt"
  [ "$(wc -c <"$work/prompt")" -le "$MAX_TEXT" ] || usage "$TOO_LONG"
}
read_settings() { # [PROMPT]
  [ "$#" -le 1 ] || usage 'Cannot start run: give the prompt as one argument, in quotes'
  read_prompt "${1:-}"
  trim "${MOGPLEX_REPO_ID:-}"
  repo=$(lower "$trimmed")
  [ -n "$repo" ] || usage 'Cannot start run: MOGPLEX_REPO_ID is not set; it is the UUID of the repository'
  fits "$repo" "$UUID" || usage "Cannot use MOGPLEX_REPO_ID as it must be a UUID: $(quote "$trimmed")"
  harness=${MOGPLEX_HARNESS:-} base=${MOGPLEX_BASE_BRANCH:-} working=${MOGPLEX_WORKING_BRANCH:-} root=${MOGPLEX_ROOT:-}
  mode=$(printf '%s' "${MOGPLEX_MODE:-}" | tr abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ)
  case ${MOGPLEX_CREATE_BRANCH:-false} in true | 1) create=1 ;; false | 0) create=0 ;; *) create=$MOGPLEX_CREATE_BRANCH ;; esac
  share=${MOGPLEX_TOKEN_SHARE:-1} out=${MOGPLEX_OUT:-mogplex-ci}
  on_timeout=${MOGPLEX_ON_TIMEOUT:-detach} scope=${MOGPLEX_KEY_SCOPE:-}
  [ -z "$harness" ] || choice MOGPLEX_HARNESS "$harness" 'codex claude-code mogplex'
  [ -z "$mode" ] || choice MOGPLEX_MODE "$mode" 'SAFE AUTO YOLO'
  [ -z "$scope" ] || choice MOGPLEX_KEY_SCOPE "$scope" 'pipeline random'
  choice MOGPLEX_CREATE_BRANCH "$create" '0 1 true false'
  choice MOGPLEX_ON_TIMEOUT "$on_timeout" 'detach cancel'
  choice MOGPLEX_ON_INTERRUPT "${MOGPLEX_ON_INTERRUPT:-auto}" 'auto cancel detach'
  on_interrupt=${MOGPLEX_ON_INTERRUPT:-auto}
  duration MOGPLEX_TIMEOUT "${MOGPLEX_TIMEOUT:-30m}" 2592000
  timeout=$seconds
  number MOGPLEX_TOKEN_SHARE "$share" 1000
  branch MOGPLEX_BASE_BRANCH "$base"
  branch MOGPLEX_WORKING_BRANCH "$working"
  [ "$create" = 0 ] || [ -z "$working" ] || [ "$working" != "$base" ] ||
    usage "Cannot create working branch as it must differ from the base branch: $(quote "$working")"
  case /$root/ in */../*) usage "Cannot use MOGPLEX_ROOT as it contains the segment \"..\": $(quote "$root")" ;; esac
  make_out || usage "Cannot write reports: $(quote "$out") must be a directory that can be written, and no symbolic link"
  [ -z "${GITHUB_OUTPUT:-}" ] || { [ ! -p "$GITHUB_OUTPUT" ] && (: >>"$GITHUB_OUTPUT") 2>/dev/null; } ||
    usage 'Cannot write to the file of GITHUB_OUTPUT'
  write_request >"$work/request" || case $? in
    3) usage 'Cannot start run: the prompt or MOGPLEX_ROOT is not UTF-8' ;;
    4) usage 'Cannot start run: the prompt contains a NUL character' ;;
    5) usage 'Cannot start run: the prompt is empty' ;;
    6) usage "$TOO_LONG" ;;
    7) usage 'Cannot read prompt: this file is UTF-16: save it as UTF-8' ;;
    *) usage 'Cannot start run: the request cannot be written' ;;
  esac
  ready=1
}
write_request() { # writes the bytes that every attempt sends
  printf '{"repoId":"%s","prompt":' "$repo"
  encode prompt <"$work/prompt" || return
  [ -z "$harness" ] || printf ',"harness":"%s"' "$harness"
  [ -z "$base" ] || printf ',"baseBranch":"%s"' "$base"
  [ -z "$working" ] || printf ',"workingBranch":"%s"' "$working"
  [ "$create" = 0 ] || printf ',"createBranch":true'
  [ -z "$mode" ] || printf ',"mode":"%s"' "$mode"
  case $root in
    '') ;;
    .) printf ',"rootDirectory":null' ;;
    *) printf ',"rootDirectory":'; printf '%s' "$root" | encode json || return ;;
  esac
  printf '}'
}

# ---- The key ------------------------------------------------------------------------------------------------------------

# CI systems that are known by a variable only, as in the toolkit.
CI_VARIABLES='APPVEYOR AC_APPCIRCLE APPCENTER_BUILD_ID AWS_APP_ID bamboo_planKey BITRISE_IO BUDDY_WORKSPACE_ID CIRRUS_CI CLEAVR
  CF_PAGES WORKERS_CI CODEBUILD_BUILD_ARN CF_BUILD_ID CODESPHERE_APP_ID DRONE DRONE_BUILD_EVENT DSARI EO_PAGES_CI
  FIREBASE_APP_HOSTING GO_PIPELINE_LABEL HUDSON_URL LAYERCI MAGNUM NETLIFY NEVERCODE RENDER SAILCI SEMAPHORE SCREWDRIVER
  SHIPPABLE TDDIUM STORMKIT STRIDER TRAVIS NOW_BUILDER ZEABUR'

# The identity of the job, as in the toolkit. A row has the variable that shows which CI system this is, and the variables of
# server (reduced to its origin?), project, pipeline, job and node. + joins variables; of those with commas the first one set.
identify() { # sets ci, fields and node
  ci='' server='' project='' pipeline='' job='' node=''
  while read -r system at cut of in called copy; do
    case $system in *=*) [ "${CI:-}" = "${system#*=}" ] || continue ;; *) [ -n "$(field "$system")" ] || continue ;; esac
    ci=1 server=$(field "$at" | server_of "$cut") project=$(field "$of") pipeline=$(field "$in") job=$(field "$called")
    node=$(field "$copy")
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
  for name in $CI_VARIABLES; do
    eval "value=\${$name:-}"
    [ -z "$value" ] || ci=1
  done
  case $(lower "${CI:-}") in '' | 0 | false) [ -z "${MOGPLEX_CI_JOB:-}" ] || ci=1 ;; *) ci=1 ;; esac
  fields='' own=${MOGPLEX_CI_JOB:-}
  for item in "${server:-$own}" "${project:-$own}" "${pipeline:-$own}" "${job:-$own}"; do
    [ -n "$item" ] || { fields=''; return 0; }
    fields=$fields,$(json "$item")
  done
}
json() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"; }
field() ( # SOURCE
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
derive_key() { # sets base_key and scope, so that the same job finds the same run again
  identify
  # act counts no runs: the key of a pipeline would find the run of yesterday.
  if [ -z "$scope" ] && [ -n "$ci" ] && [ "${ACT:-}" != true ]; then scope=pipeline; fi
  if [ "$scope" = pipeline ] && [ -n "$fields" ]; then
    part=$(json "${MOGPLEX_KEY_PART:-}")
    hash=$(printf '%s' "[\"mogplex-ci/1\",\"pipeline\"$fields,$(json "$node"),$part,\"$repo\"]" | sha256)
    base_key=ci1-$(printf '%.40s' "$hash")
    ! fits "$base_key" 'ci1-[0-9a-f]{40}' || return 0
    tell 'Cannot derive a key: there is no sha256sum, shasum or openssl; it is random, so a retry starts another run'
  elif [ "$scope" = pipeline ]; then
    tell 'Cannot identify this job: the key is random, so a retry starts another run (MOGPLEX_CI_JOB names the job)'
  fi
  scope=random base_key=$(od -An -v -tx1 -N16 /dev/urandom | tr -d ' \n')
}

# ---- Start --------------------------------------------------------------------------------------------------------------

start() {
  key=$base_key suffix=1
  while :; do
    ask
    stale || break
    if [ "$suffix" -eq 4 ]; then
      say 'every key of this job that was tried belongs to a run that has ended; MOGPLEX_KEY_PART would start another'
      break
    fi
    suffix=$((suffix + 1))
    say "run $got_id of this key had already ended $got_status: starting afresh with suffix .$suffix"
    key=$base_key.$suffix
  done
  adopt
}
ask() { # sends the start until there is an answer
  attempt=0 unknown=''
  while :; do
    tick
    sent=$now first=${first:-$now} may_exist=1
    save
    clip 20
    send start /runs "$clipped"
    judge '*'
    [ "$verdict" != good ] || return 0
    tried=1 attempt=$((attempt + 1))
    if [ -z "$refused" ] && [ "$verdict" = wait ]; then unknown=1; fi
    if [ -z "$refused" ] || [ "$http" = 000 ]; then lost=$((lost + 1)); fi
    case $http in 503) ;; 5??) trouble=${trouble:-$sent} ;; esac
    [ -n "$unknown" ] || may_exist=''
    save
    [ "$verdict" != fatal ] || give_up "$detail"
    [ "$http$got_word" != 503SERVICE_UNAVAILABLE ] || look_up
    [ "$lost" -lt 8 ] || give_up "$detail"
    [ "$retry" -lt $((timeout - elapsed)) ] || give_up "$detail; it asks for $retry s, and the deadline comes first"
    if [ "$retry" -gt 0 ]; then delay=$retry; else backoff "$attempt" 4; fi
    say "Cannot start run yet ($detail, attempt $attempt): trying again in $delay s"
    pause "$delay" || give_up "$detail"
  done
}
look_up() { # the service answers 503 for an unknown repository, too: ask once whether it is known
  [ -z "$looked_up" ] || return 0
  looked_up=1 kept=$detail kept_retry=$retry
  clip 20
  send repos "/repos?id=$repo" "$clipped"
  judge ''
  [ "$verdict$got_repos" != goodnone ] ||
    leave 2 error "Cannot start run: the token's user has no repository \"$repo\" (hidden ones are not listed)"
  detail=$kept retry=$kept_retry code=69 verdict=wait
}
give_up() { # REASON
  [ -n "$unknown" ] || leave "$code" error "Cannot start run: $1"
  [ "$verdict" = fatal ] || code=69
  leave "$code" error "Cannot tell whether the run was started: $1; the same start with the idempotency key \"$key\" finds it"
}
stale() { # whether the key found a failed or cancelled run of an earlier attempt, so that a new run is started
  if [ "$scope" != pipeline ] || [ "$got_replayed" != yes ]; then return 1; fi
  case $got_status in failed | cancelled) ;; *) return 1 ;; esac
  # Compared on the service's clock, with some tolerance.
  created=$((${got_created:-0} - skew + 5))
  if [ "$got_status" = failed ] && [ -n "$trouble" ] && [ "$created" -ge "$trouble" ]; then
    leave 69 error "Cannot start run: the service was in trouble, and failed run $got_id before it began; try again later"
  fi
  [ -z "$tried" ] || [ "$created" -lt "$first" ]
}
adopt() {
  run=$got_id replayed=false
  note_status
  if [ "$got_replayed" = yes ]; then
    replayed=true
    say "matched existing run $run ($run_status)"
  else say "started run $run ($run_status)"; fi
  save
  publish ''
}
save() { # saves what the signal handler needs
  for name in run run_status replayed key may_exist first trouble tried skew elapsed requests proven; do
    eval "echo \"$name='\$$name'\""
  done >"$work/state.new"
  mv -f "$work/state.new" "$work/state"
}
note_status() { if fits "$got_status" '[a-z_]{1,40}'; then run_status=$got_status; else run_status=unknown; fi; }

# ---- Follow -------------------------------------------------------------------------------------------------------------

follow() {
  attempt=0
  while :; do
    last_look=''
    if [ "$elapsed" -lt "$timeout" ]; then clip 20; else last_look=1 clipped=$LAST_LOOK; fi
    send look "/runs/$run" "$clipped"
    judge "$run"
    # A look that the deadline cut off counts as the last one, unless it had hardly any time.
    if [ "$elapsed" -ge "$timeout" ] && { [ "$verdict" = good ] || [ "$clipped" -gt 1 ]; }; then last_look=1; fi
    before=$run_status
    case $verdict in
      good)
        attempt=0
        note_status
        save
        conclude
        [ "$run_status" = "$before" ] || say "run is $run_status"
        case $run_status in pending | streaming) ;; "$before") ;; *) say 'this status is not known: it counts as not finished' ;; esac
        rhythm ;;
      fatal) leave "$code" error "Cannot read run: $detail" ;;
      wait)
        attempt=$((attempt + 1))
        backoff "$attempt" 1
        if [ "$http" = 429 ]; then
          # Other jobs use the token, too, and this script cannot see them: poll more slowly after each refusal.
          if [ "$floor" -eq 0 ]; then floor=16; elif [ "$floor" -lt 100 ]; then floor=$((floor * 2)); fi
          delay=$floor
        fi
        chance $((floor / 2 + 3))
        [ "$retry" -eq 0 ] || delay=$((retry + chance))
        [ -n "$last_look" ] || say "Cannot read run yet ($detail, attempt $attempt): trying again in $delay s" ;;
    esac
    [ -z "$last_look" ] || late
    pause "$delay" || :
  done
}
rhythm() { # sets delay: short while the run is young, and never above the share of the token's 60 requests a minute
  looks=$((looks + 1))
  if [ "$looks" -le 3 ]; then delay=$((looks + 1)); elif [ "$elapsed" -lt 60 ]; then delay=7; else delay=10; fi
  [ "$delay" -ge "$floor" ] || delay=$floor
  [ "$share" -eq 1 ] || [ "$delay" -ge $((share * 60 / 54 + 1)) ] || delay=$((share * 60 / 54 + 1))
  chance $((delay / 8))
  delay=$((delay + chance))
}
conclude() { # exits if the run has ended
  case $run_status in
    success) leave 0 success '' ;;
    failed) leave 1 failed "$got_text" ;;
    cancelled) leave 3 cancelled "$got_text" ;;
    awaiting_input) leave 4 awaiting_input 'the run waits for a person: answer it in the app, or cancel it' ;;
  esac
}
late() { # the deadline has passed, and the run was looked at for the last time
  outcome=deadline reason='the run has not ended in time'
  if [ "$verdict" = good ]; then code=124; else outcome=error reason="Cannot read run: $detail"; fi
  [ "$on_timeout" = cancel ] || leave "$code" "$outcome" "$reason; it goes on"
  kept=$code
  cancel 10
  [ "$verdict" = good ] || leave "$kept" "$outcome" "$reason; it may go on, as it could not be cancelled: $detail"
  note_status
  if [ "$run_status" != cancelled ] || [ "$got_terminal" = yes ]; then conclude; fi
  if [ "$run_status" = cancelled ]; then words='it was cancelled'; else words="it is $run_status after its cancellation"; fi
  leave "$kept" "$outcome" "$reason; $words"
}
cancel() { # SECONDS: tries twice if the run is between two states, or if the connection breaks
  send cancel "/runs/$run/cancel" "$1"
  judge "$run"
  if [ "$verdict" = good ] || [ "$broken" -eq 28 ]; then return; fi
  nap 1
  send cancel "/runs/$run/cancel" 2
  judge "$run"
}

# ---- Signals ------------------------------------------------------------------------------------------------------------

kill_program() { # ends the program that the child waits for
  attempt=0 id=-
  while [ "$id" = - ] && [ "$attempt" -lt 2000 ]; do
    # A busy machine may need a while to begin the program. There is time for one second, once.
    if [ "$attempt" -eq 1000 ] && [ -z "$was_patient" ]; then was_patient=1 && sleep 1; fi
    attempt=$((attempt + 1)) id=''
    [ ! -e "$work/child" ] || while read -r line; do id=$line; done <"$work/child"
  done
  case $id in '' | -) ;; *) kill -s KILL "$id" 2>/dev/null ;; esac
}
interrupt() { # NAME CODE: handles a signal in at most 4 s, as some runners kill after 5
  trap '' INT TERM HUP
  if [ -n "${!:-}" ]; then
    kill "$!" 2>/dev/null
    kill_program
    wait "$!" 2>/dev/null
  fi
  # One that the child started in its last moment.
  kill_program
  # shellcheck disable=SC1091 # it is written by save
  . "$work/state"
  files=$work/b
  words='no run was started' limit=4
  # A CI system may give its jobs a terminal, but nobody sits there.
  if [ "$on_interrupt" = auto ] && [ -z "$ci" ] && { [ -t 1 ] || [ -t 2 ]; }; then on_interrupt=detach; fi
  if [ -z "$run$may_exist" ]; then leave "$2" interrupted "Stopped by $1; $words"; fi
  if [ "$on_interrupt" = detach ]; then
    words='a run may have been started, and goes on'
    [ -z "$run" ] || words="the run goes on (last seen: $run_status)"
    leave "$2" interrupted "Stopped by $1; $words"
  fi
  if [ -z "$run" ]; then # the start was under way: sending it again with the same key finds its run
    limit=2 tried=1
    send start /runs 2
    judge '*'
    if [ "$verdict" != good ]; then words="a run may go on, as it could not be found: $detail"; elif ! stale; then adopt; fi
  fi
  if [ -n "$run" ]; then
    cancel "$limit"
    words="the run may go on, as it could not be cancelled: $detail"
    if [ "$verdict" = good ]; then note_status; words="the run is $run_status"; fi
  fi
  leave "$2" interrupted "Stopped by $1; $words"
}

# ---- The program --------------------------------------------------------------------------------------------------------

# In bytes: an answer, a prompt, the file of a token.
MAX_BODY=4194304 MAX_TEXT=1048576 MAX_TOKEN=16384
TOO_LONG='Cannot start run: the prompt must have at most 100000 characters'
# Limit of the last look, at the deadline, in seconds.
LAST_LOOK=5
UUID='[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}'
token='' loopback='' work='' files='' ended='' ready='' on_interrupt=detach timeout=1800
key='' may_exist='' run='' run_status='' replayed='' first='' trouble='' tried='' looked_up='' lost=0
was_patient='' elapsed=0 spoke=0 requests=0 looks=0 floor=0 skew=0 proven='' denials=0
trap '' PIPE
case ${1:-} in
  -h | --help)
    sed -n '4,/^$/s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
  -?*) usage 'Cannot start run: the prompt begins like a flag, and there are none but --help; give it by MOGPLEX_PROMPT' ;;
esac
command -v curl >/dev/null || usage 'Cannot send requests: there is no curl'
work=$(mktemp -d) || usage 'Cannot make a temporary directory'
trap 'rm -rf "$work"' EXIT
case $work in
  *[\"\\]* | *"$NEWLINE"*) usage 'Cannot use the temporary directory: its name contains a quotation mark, backslash or line break' ;;
esac
files=$work/a seen=$(date +%s)
seed=$((($$ + seen) % 65537))
read_token
read_origin
# Not "$@": without arguments it is an error in posh.
read_settings ${1+"$@"}
derive_key
save
# The work runs in a child process, and this one only waits for it. So signals are handled at once, and none arrives in the
# middle of an expansion, where bash loses it. Up to this line a signal ends the script like any other program.
trap cleared EXIT
trap 'interrupt SIGINT 130' INT
trap 'interrupt SIGTERM 143' TERM
trap 'interrupt SIGHUP 129' HUP
(
  trap - EXIT
  start
  follow
) &
wait "$!"
# If the child left no exit code, it was killed, perhaps by a signal that is about to reach this process, too.
[ -s "$work/end" ] || nap 1
read -r ended <"$work/end" && (exit "$ended")
