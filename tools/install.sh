#!/usr/bin/env bash
# Installs what the tests use beside Go, from Debian's packages. Without root, or on another system, it names what
# is missing; tests that need it are skipped then.
set -euo pipefail
packages=(
  gcc libc6-dev # the race detector
  git postgresql systemd # systemd: it checks the units of configs/systemd
  sip-tester kamailio sngrep baresip-core mmdebstrap # mmdebstrap: tools/asterisk.sh
)

missing=()
for p in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "not installed: ${missing[*]} (Debian: apt-get install ${missing[*]})" >&2
  exit 0
fi
apt-get update -qq
# The tests start what they use themselves: nothing that comes with the packages shall run as a service.
policy=/usr/sbin/policy-rc.d
[ -e "$policy" ] || { trap 'rm -f "$policy"' EXIT; printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; }
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
