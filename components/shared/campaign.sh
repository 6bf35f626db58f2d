# Mogplex CI @@VERSION@@: plans a campaign and writes the pipeline of its waves, or runs the requested action. It fetches nothing.
set -eu
mogplex_fail() {
  echo "error: $1" >&2
  exit 2
}
mogplex_program=$MOGPLEX_INPUT_PROGRAM
case $mogplex_program in
  command:*) ;;
  *)
    mogplex_program=./${mogplex_program#./}
    if [ ! -f "$mogplex_program" ] || [ ! -f "$mogplex_program.sha256" ]; then
      mogplex_fail "Cannot find the program and its checksum at $MOGPLEX_INPUT_PROGRAM: mogplex-ci init writes them, or set input program"
    fi
    if [ "$(sha256sum < "$mogplex_program" | cut -c1-64)" != "$(cut -c1-64 "$mogplex_program.sha256")" ]; then
      mogplex_fail "Cannot use the program at $MOGPLEX_INPUT_PROGRAM: its checksum does not match"
    fi
    ;;
esac
mogplex_campaign() {
  mogplex_verb=$1
  shift
  set -- campaign "$mogplex_verb" "$MOGPLEX_INPUT_FILE" --home "$MOGPLEX_INPUT_HOME" "$@"
  case $mogplex_program in
    command:*) "${mogplex_program#command:}" "$@" ;;
    *) node "$mogplex_program" "$@" ;;
  esac
}
if [ "$MOGPLEX_INPUT_ACTION" != run ] && [ "$MOGPLEX_INPUT_HOME" = dir ]; then
  mogplex_fail "Cannot $MOGPLEX_INPUT_ACTION a campaign whose journal is passed from job to job: set input home to git:origin#BRANCH"
fi
# With bash, runners before 18.11.4 and 19.0.2 keep an exit code only if the script calls exit.
case $MOGPLEX_INPUT_ACTION in
  status | stop) mogplex_campaign "$MOGPLEX_INPUT_ACTION" 2>&1 || exit $? ;;
  retry)
    set -- --failed
    [ -z "$MOGPLEX_INPUT_ONLY" ] || set -- --only "$MOGPLEX_INPUT_ONLY"
    case $MOGPLEX_INPUT_CHANGED_TASK in
      adopt) set -- "$@" --adopt-changes ;;
      keep) set -- "$@" --keep-task ;;
    esac
    mogplex_campaign retry "$@" 2>&1 || exit $?
    ;;
  run)
    rm -rf mogplex-campaign-pipeline
    mogplex_campaign plan 2>&1 || exit $?
    set --
    mogplex_tags=$MOGPLEX_INPUT_WAVE_TAGS
    while [ -n "$mogplex_tags" ]; do
      set -- "$@" --tag "${mogplex_tags%%,*}"
      case $mogplex_tags in *,*) mogplex_tags=${mogplex_tags#*,} ;; *) mogplex_tags= ;; esac
    done
    [ "$MOGPLEX_INPUT_RETRY_INTERRUPTED" != true ] || set -- "$@" --retry-interrupted
    mogplex_campaign pipeline --format gitlab --program "${mogplex_program#./}" --image "$MOGPLEX_INPUT_IMAGE" --every "$MOGPLEX_INPUT_EVERY" \
      --from-job "$CI_JOB_NAME" --output mogplex-campaign-pipeline/ "$@" 2>&1 || exit $?
    ;;
esac
