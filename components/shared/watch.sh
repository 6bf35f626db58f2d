# Succeeds while the shell of the job is alive. A dead one can stay visible as a zombie.
mogplex_job_lives() {
  kill -0 "$$" || return 1
  mogplex_stat=
  [ ! -r "/proc/$$/stat" ] || read -r mogplex_stat < "/proc/$$/stat" || true
  case $mogplex_stat in *') Z '*) return 1 ;; esac
}
# A shell executor with --user runs the job under su. A cancelled job then loses its shell, and no signal reaches the tool.
# Source: util-linux, su-common.c. Node and Bun notice that by themselves. Deno is not allowed to look at its grandparent
# processes, so this checks once a second whether the shell is still there, and passes the signal on.
mogplex_watch() {
  sleep 1 &
  trap 'kill "$!"; wait "$!"; exit 0' TERM
  while wait "$!" || true; mogplex_job_lives; do sleep 1 & done
  [ -s "$mogplex_pid" ] || sleep 1
  kill -TERM "$(cat "$mogplex_pid")"
}
# Runs a program while mogplex_watch is running; its number is in the file $mogplex_pid. Signals reach it as they reach every
# command of a script.
mogplex_watched() {
  rm -f "$mogplex_pid"
  mogplex_watch < /dev/null > /dev/null 2>&1 &
  mogplex_watcher=$!
  mogplex_code=0
  sh -c 'echo "$$" > "$0"; exec "$@"' "$mogplex_pid" "$@" || mogplex_code=$?
  kill "$mogplex_watcher" 2> /dev/null || true
  wait "$mogplex_watcher" 2> /dev/null || true
  rm -f "$mogplex_pid"
  return "$mogplex_code"
}
