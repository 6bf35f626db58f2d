# Mogplex CI @@VERSION@@: unpacks the tool from this template. The file gets its final name only after the checksum matches.
set -eu
# An earlier command may have changed the directory. Artifacts are only collected below the project.
[ ! -d "${CI_PROJECT_DIR:-}" ] || cd "$CI_PROJECT_DIR"
# The checkout may contain reports. Remove them: they must not be published as reports of this job.
case ${MOGPLEX_INPUT_OUT:-} in '' | *[!A-Za-z0-9_-]*) ;; *) rm -rf "./$MOGPLEX_INPUT_OUT" ;; esac
for mogplex_need in base64 gunzip sha256sum; do
  command -v "$mogplex_need" > /dev/null || {
    echo "error: Cannot unpack the tool because the image has no $mogplex_need: choose another image (input image)" >&2
    exit 2
  }
done
mogplex_dir=$PWD/.mogplex-ci
rm -rf "$mogplex_dir"
mkdir -p "$mogplex_dir"
base64 -d <<'MOGPLEX_EOF' | gunzip > "$mogplex_dir/cli.part" || true
@@BUNDLE@@
MOGPLEX_EOF
printf '%s  %s\n' @@SHA256@@ "$mogplex_dir/cli.part" | sha256sum -c - > /dev/null 2>&1 || {
  echo "error: Cannot start the tool: its checksum does not match this component" >&2
  exit 70
}
mv "$mogplex_dir/cli.part" "$mogplex_dir/cli.mjs"
