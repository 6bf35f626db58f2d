# Runs a command of the tool with the permissions that it needs. Config files in the checkout have no effect on it.
mogplex_tool=$PWD/.mogplex-ci/cli.mjs
mogplex_pid=$PWD/.mogplex-ci/tool.pid
mogplex() {
  mogplex_runtime=${MOGPLEX_INPUT_RUNTIME:-auto}
  if [ "$mogplex_runtime" = auto ]; then
    mogplex_runtime=$(command -v deno || command -v bun || command -v node || true)
  elif ! command -v "$mogplex_runtime" > /dev/null; then
    echo "error: Cannot run the tool because the image has no $mogplex_runtime: choose another image or runtime (inputs image and runtime)" >&2
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
      # Source: measured; up to 1.2.18 a tsconfig.json in the checkout can replace any file, regardless of the flags.
      case $(bun --version) in
        0.* | 1.[01].* | 1.2.[0-9] | 1.2.1[0-8])
          echo "error: Cannot run the tool on a Bun before 1.2.19: choose another image (input image)" >&2
          return 2
          ;;
      esac
      bun --no-env-file --config=/dev/null --tsconfig-override=/dev/null "$mogplex_tool" "$@"
      ;;
    node) node "$mogplex_tool" "$@" ;;
    *)
      echo "error: Cannot run the tool because the image has neither deno nor bun nor node: choose another image (input image)" >&2
      return 2
      ;;
  esac
}
