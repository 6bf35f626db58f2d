# Runs a command of the tool with the permissions that it needs. Config files in the checkout have no effect on it.
mogplex_tool=$PWD/.mogplex-ci/cli.mjs
mogplex_pid=$PWD/.mogplex-ci/tool.pid
# Succeeds while the shell of the job is alive. A dead one can stay visible as a zombie.
mogplex_job_lives() {
  kill -0 "$$" || return 1
  mogplex_stat=
  [ ! -r "/proc/$$/stat" ] || read -r mogplex_stat < "/proc/$$/stat" || true
  case $mogplex_stat in *') Z '*) return 1 ;; esac
}
# A shell executor with --user runs the job below su. A cancelled job then loses its shell, and no signal reaches the tool.
# Source: util-linux, su-common.c. So this looks once a second whether the shell is there, and passes the signal on.
mogplex_watch() {
  sleep 1 &
  trap 'kill "$!"; wait "$!"; exit 0' TERM
  while wait "$!" || true; mogplex_job_lives; do sleep 1 & done
  [ -s "$mogplex_pid" ] || sleep 1
  kill -TERM "$(cat "$mogplex_pid")"
}
# Runs a program while mogplex_watch is at work. Signals reach it as they reach every command of a script.
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
mogplex() {
  mogplex_runtime=${MOGPLEX_INPUT_RUNTIME:-auto}
  if [ "$mogplex_runtime" = auto ]; then
    mogplex_runtime=$(command -v deno || command -v bun || command -v node || true)
  elif ! command -v "$mogplex_runtime" > /dev/null; then
    echo "error: Cannot run the tool as the image has no $mogplex_runtime: choose another one, or another input runtime" >&2
    return 2
  fi
  case ${mogplex_runtime##*/} in
    deno)
      mogplex_flags='--no-config --no-lock --no-prompt --no-remote --no-npm'
      # The first call may only read variables. It prints the permissions for the second call.
      mogplex_allow=$(deno run $mogplex_flags --allow-env "$mogplex_tool" permissions) || return
      mogplex_watched deno run $mogplex_flags $mogplex_allow "$mogplex_tool" "$@"
      ;;
    bun)
      # Source: measured; up to 1.2.18 a tsconfig.json in the checkout can replace any file, whatever the flags are.
      case $(bun --version) in
        0.* | 1.[01].* | 1.2.[0-9] | 1.2.1[0-8])
          echo "error: Cannot run the tool on a Bun before 1.2.19: choose another image (input image)" >&2
          return 2
          ;;
      esac
      mogplex_watched bun --no-env-file --config=/dev/null --tsconfig-override=/dev/null "$mogplex_tool" "$@"
      ;;
    node) mogplex_watched node "$mogplex_tool" "$@" ;;
    *)
      echo "error: Cannot run the tool as the image has neither deno nor bun nor node: choose another one (input image)" >&2
      return 2
      ;;
  esac
}
