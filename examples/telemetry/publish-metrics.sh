#!/bin/sh
# Gives the metrics of a job to Prometheus: to a Pushgateway, or to the textfile collector of the node exporter.
#
#   ./publish-metrics.sh NAME mogplex-ci/metrics.txt http://pushgateway:9091
#   ./publish-metrics.sh NAME mogplex-ci/metrics.txt /var/lib/node_exporter/textfile
#
# NAME tells pipelines apart: it becomes the label `pipeline`, which grafana-dashboard.json asks for. Use letters, digits, `-`, `_`
# and `.`; one name for each pipeline, never the id of a run. The metrics of a campaign are in its directory.
# Needs curl for a Pushgateway. Run it after the job, whatever its verdict.
set -eu

name=$1 file=$2 target=$3

case $name in
  "" | *[!A-Za-z0-9_.-]*)
    echo "publish-metrics.sh: the name may have letters, digits, - _ and . only" >&2
    exit 2
    ;;
esac

case $target in
  http://* | https://*)
    # PUT replaces what the last job of this name left behind.
    exec curl --fail --silent --show-error --max-time 10 --retry 2 --request PUT --data-binary "@$file" \
      "${target%/}/metrics/job/mogplex/pipeline/$name"
    ;;
esac

# The collector reads files at any time, so the file gets its name when it is complete. Comments are left out: of several files that
# describe a metric, the collector wants the same words.
umask 022
new="$target/mogplex-$name.prom.$$"
sed -e '/^#/d' -e '/^$/d' \
  -e "s/^\\([a-z_]*\\){/\\1{pipeline=\"$name\",/" -e t \
  -e "s/^\\([a-z_]*\\) /\\1{pipeline=\"$name\"} /" "$file" > "$new"
mv "$new" "$target/mogplex-$name.prom"
