#!/bin/sh
# Copies one release of the components to a project on another GitLab server, where it can be included.
#
# Usage: mirror.sh SOURCE TARGET VERSION COMMIT
#
#   SOURCE   the components' project: a URL, or a file that you create in a clone with `git bundle create FILE --tags`
#   TARGET   an empty project or an older mirror: a URL that you can push to
#   VERSION  the release, such as 0.1.0
#   COMMIT   the full hash of the release, from a source that you trust. If it differs, nothing is pushed
set -eu
[ $# -eq 4 ] || {
  echo "usage: mirror.sh SOURCE TARGET VERSION COMMIT" >&2
  exit 2
}
# Relative paths are relative to the current directory, but git runs in another one.
from_here() { if [ -e "$1" ]; then printf '%s/%s\n' "$(cd "$(dirname "$1")" && pwd)" "$(basename "$1")"; else printf '%s\n' "$1"; fi; }
source=$(from_here "$1") target=$(from_here "$2") tag=refs/tags/$3 commit=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git init --quiet --bare "$work"
git -C "$work" fetch --quiet -- "$source" "$tag:$tag"
found=$(git -C "$work" rev-parse --verify --quiet "$tag^{commit}")
[ "$found" = "$commit" ] || {
  echo "error: Cannot mirror $3: it is commit $found, not $commit" >&2
  exit 1
}
git -C "$work" push --quiet -- "$target" "$commit:refs/heads/main" "$tag:$tag"
echo "mirrored $3 at $commit"
