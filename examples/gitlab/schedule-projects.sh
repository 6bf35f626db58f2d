#!/bin/sh
# Creates a schedule for the agent in each of many projects, spread over several hours.
#
#   HOURS=13 sh schedule-projects.sh projects.txt
#
# projects.txt has one project path per line, and comments after #. If HOURS is at most 24, the schedules are daily. If it is at
# most 168, they are weekly. The script keeps existing schedules named "mogplex", but adds a missing variable and activates inactive
# ones. A schedule also starts the project's other jobs. If nothing in the pipeline excludes these jobs, the script does not
# activate a schedule for the project.
#
# Needs: sh, awk, curl, jq, mktemp; GITLAB_TOKEN with the api scope and the Maintainer role. GITLAB_URL is the server if it is not
# https://gitlab.com. If MOGPLEX_API_KEY is set, each project gets it as a variable. See docs/gitlab.md, "Many projects"
set -eu
[ $# -eq 1 ] || {
  echo "usage: schedule-projects.sh FILE" >&2
  exit 2
}
projects=$1
: "${GITLAB_TOKEN:?give a token with the api scope and the Maintainer role}"
gitlab=${GITLAB_URL:-https://gitlab.com}/api/v4/projects hours=${HOURS:-13} number=0 failed=0
answer=$(mktemp) header=$(mktemp) list=$(mktemp) && trap 'rm "$answer" "$header" "$list"' EXIT && trap 'exit 130' INT TERM
printf 'PRIVATE-TOKEN: %s\n' "$GITLAB_TOKEN" >"$header"
[ -f "$projects" ] || { echo "$projects does not exist; write one project path per line" >&2 && exit 2; }
awk '{ sub(/\r$/, "") } NF && $1 !~ /^#/ { print $1 }' "$projects" >"$list"
case $hours in
  0* | *[!0-9]* | ????*) valid=false ;;
  *) [ "$hours" -le 168 ] && valid=true || valid=false ;;
esac
[ "$valid" = true ] || { echo "HOURS must be a number from 1 to 168, a week: \"$hours\"" >&2 && exit 2; }
count=$(grep -c . "$list") || { echo "$projects names no project" >&2 && exit 2; }
call() { # WHAT METHOD ADDRESS [BODY]: the body is not an argument of curl, because other users could read it
  what=$1
  status=$(printf %s "${4-}" | curl -sS -o "$answer" -w '%{http_code}' -H "@$header" -H 'Content-Type: application/json' -X "$2" --data @- "$3")
  [ "$status" -ge 200 ] && [ "$status" -lt 300 ]
}
problem() {
  echo "cannot $what: HTTP $status $(jq -c '.message // .error' "$answer")"
}
keeps_others_out() {
  case $config in
    *yml@* | *yaml@* | http://* | https://*) ;; # in another project, or at a URL; GitLab reads it for the check below
    *)
      call "read $config" GET "$url/repository/files/$(printf %s "$config" | jq -sRr @uri)/raw?ref=HEAD" || return
      # shellcheck disable=SC2016 # GitLab expands this variable, not the shell
      ! grep -A 1 '^[^#]*\$MOGPLEX_SCHEDULE' "$answer" | grep -Eq '== *null|when: *never' || return 0
      ;;
  esac
  call "check the pipeline" GET "$url/ci/lint?dry_run=true" || return
  # The top-level names of the whole pipeline, without its settings.
  reason=$(jq -r --arg config "$config" '.errors as $errors | (.merged_yaml // "") | if . == "" then "\($config): \($errors | join(", "))" else
    [split("\n")[] | capture("^:?\"?(?<name>[^\":. -]|[^\":. -].*[^\": ])\"?:( .*)?$").name]
    - ["after_script", "before_script", "cache", "default", "image", "include", "mogplex", "mogplex-respond", "mogplex-run", "services", "stages", "variables", "workflow"]
    | join(", ") | if . == "" then . else "no active schedule, because it could also start \(.); " +
      "move other jobs to a file, such as ci/pipeline.yml, and include it with rules: [{ if: $MOGPLEX_SCHEDULE == null }]" end end' "$answer")
  [ -z "$reason" ]
}
store_token() { # changes the variable, or creates it
  export MOGPLEX_API_KEY
  body=$(jq -n '{key: "MOGPLEX_API_KEY", value: env.MOGPLEX_API_KEY, masked: true, protected: true}')
  call "store MOGPLEX_API_KEY" PUT "$url/variables/MOGPLEX_API_KEY" "$body" ||
    { [ "$status" = 404 ] && call "store MOGPLEX_API_KEY" POST "$url/variables" "$body"; }
}
set_up() {
  call "read the project" GET "$url" && branch=$(jq -r .default_branch "$answer") || return
  config=$(jq -r '.ci_config_path // "" | if . == "" then ".gitlab-ci.yml" else . end' "$answer")
  schedules=$url/pipeline_schedules active=false variable=false
  call "list the schedules" GET "$schedules?per_page=100" && id=$(jq -r 'map(select(.description == "mogplex"))[0].id // ""' "$answer") || return
  result=created
  if [ -n "$id" ]; then
    call "read the schedule" GET "$schedules/$id" || return
    active=$(jq .active "$answer") variable=$(jq 'any(.variables[]?; .key == "MOGPLEX_SCHEDULE")' "$answer")
    case "$active $variable" in
      "true true") result=kept ;;
      "false true") result=activated ;;
      *) result="kept, with the missing variable added" ;;
    esac
  fi
  if [ "$active $variable" = "true false" ]; then # without the variable, the schedule starts only the project's other jobs
    call "deactivate the schedule" PUT "$schedules/$id" '{"active": false}' && active=false || return
  fi
  [ "$active" = true ] || keeps_others_out || return
  [ -z "${MOGPLEX_API_KEY-}" ] || store_token || return
  if [ -z "$id" ]; then # inactive until the variable is set
    cron="$((at % 60)) $((at / 60 % 24)) * * $day"
    call "create the schedule" POST "$schedules" "$(jq -n --arg ref "$branch" --arg cron "$cron" '{description: "mogplex", $ref, $cron, active: false}')" || return
    id=$(jq -r .id "$answer")
  fi
  if [ "$variable" = false ]; then
    call "add MOGPLEX_SCHEDULE to the schedule, which is inactive" POST "$schedules/$id/variables" '{"key": "MOGPLEX_SCHEDULE", "value": "run"}' || {
      case $status in 400 | 403) reason="$(problem); allow your role under Settings > CI/CD > Variables > \"Minimum role to use pipeline variables\"" ;; esac
      return 1
    }
  fi
  [ "$active" = true ] || call "activate the schedule" PUT "$schedules/$id" '{"active": true}'
}
while read -r project; do
  at=$(((2 * number + 1) * hours * 30 / count)) number=$((number + 1)) day='*' # in minutes; not at midnight, when many other jobs start
  [ "$hours" -le 24 ] || day=$(((1 + at / 1440) % 7)) # weekly, from Monday
  url=$gitlab/$(printf %s "$project" | jq -sRr @uri)
  printf %s "$number of $count: $project"
  reason= && set_up && echo ": $result" && continue
  echo
  [ "$status" != 000 ] || { echo "stopped: no answer from $gitlab; run the script again later" >&2 && exit 1; }
  failed=$((failed + 1))
  echo "failed: $project: ${reason:-$(problem)}" >&2
  [ "$status" != 401 ] || { echo "stopped: GitLab rejects GITLAB_TOKEN" >&2 && exit 1; }
done <"$list"
[ "$failed" = 0 ] || { echo "$failed of $count failed" >&2 && exit 1; }
echo "done: $count of $count have a schedule"
