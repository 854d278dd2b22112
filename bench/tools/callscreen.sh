#!/usr/bin/env bash
# callscreen as the proxy of the rig: bench/callscreen.yaml and bench/policy.yaml, run in a folder
# that starts empty. CALLSCREEN names the binary (default: the one in PATH), RECORD is what stands behind
# record: instead, as in '{file: off, database: off, trace: 0}'.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
binary=$(realpath "$(command -v "${CALLSCREEN:-callscreen}")")
folder=${BENCH:-$HOME/.cache/callscreen-bench}/callscreen
rm -rf "$folder"
mkdir -p "$folder"
cp "$here/callscreen.yaml" "$here/policy.yaml" "$folder"
cd "$folder"
[ -z "${RECORD:-}" ] || sed -i "s|^record: .*|record: $RECORD|" callscreen.yaml
echo bench > juhe.key
chmod 600 juhe.key
exec "$binary" run --config callscreen.yaml
