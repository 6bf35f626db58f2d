# Mogplex CI @@VERSION@@: unpacks the tool that this component carries. It gets its name only after its checksum was compared.
set -eu
# What ran before may have gone elsewhere, where no artifact would be found.
[ ! -d "${CI_PROJECT_DIR:-}" ] || cd "$CI_PROJECT_DIR"
# Reports that the checkout brings along are not ours: nothing of them may be published, however this job ends.
case ${MOGPLEX_INPUT_OUT:-} in '' | *[!A-Za-z0-9_-]*) ;; *) rm -rf "./$MOGPLEX_INPUT_OUT" ;; esac
for mogplex_need in base64 gunzip sha256sum; do
  command -v "$mogplex_need" > /dev/null || {
    echo "error: Cannot unpack the tool as the image has no $mogplex_need: choose another one (input image)" >&2
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
  echo "error: Cannot start the tool: its checksum is not the one of this component" >&2
  exit 70
}
mv "$mogplex_dir/cli.part" "$mogplex_dir/cli.mjs"
