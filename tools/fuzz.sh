#!/usr/bin/env bash
# Runs every fuzz target of the module for the time given, one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:?usage: tools/fuzz.sh TIME}
n=0
for package in $(go list ./...); do
  listed=$(go test -list '^Fuzz' "$package")
  for target in $(grep '^Fuzz' <<<"$listed" || true); do
    echo "$package $target $time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package"
    n=$((n + 1))
  done
done
echo "$n fuzz targets, $time each, no crash"
