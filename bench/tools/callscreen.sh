#!/usr/bin/env bash
# callscreen as the proxy of the rig: bench/callscreen.yaml and bench/policy.yaml, run in a folder
# that starts empty. CALLSCREEN names the binary (default: the one in PATH).
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
binary=$(realpath "$(command -v "${CALLSCREEN:-callscreen}")")
folder=${BENCH:-$HOME/.cache/callscreen-bench}/callscreen
rm -rf "$folder"
mkdir -p "$folder"
cp "$here/callscreen.yaml" "$here/policy.yaml" "$folder"
cd "$folder"
echo bench > juhe.key
chmod 600 juhe.key
exec "$binary" run --config callscreen.yaml
