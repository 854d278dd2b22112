#!/usr/bin/env bash
# Unpacks Asterisk 22 for the tests of e2e/ from Debian's packages into the user's cache folder: nothing of it is
# installed on this machine, no script of it runs, no user is made. The tests start it in a chroot of that folder.
# What is there already stays. Debian 12, as root.
set -euo pipefail
cache=${XDG_CACHE_HOME:-$HOME/.cache}/callscreen
tree=$cache/asterisk
suite=sid # Debian 12 itself has no Asterisk

if [ "$(id -u)" != 0 ] || ! command -v mmdebstrap >/dev/null; then
  echo "Asterisk is not unpacked: that needs root on Debian" >&2
  exit 0
fi
runs() { chroot "$1" /usr/sbin/asterisk -V 2>/dev/null | grep -q '^Asterisk 22\.'; }
if [ -d "$tree" ] && runs "$tree"; then exit 0; fi

# The mirror that this machine installs from may be frozen: its signature is checked, its expiry is not.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | sort -u | head -1)
mkdir -p "$cache"
work=$(mktemp -d "$cache/unpacking.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
mmdebstrap --quiet --mode=root --variant=extract --format=directory --include=asterisk,dash \
  --aptopt='Acquire::Check-Valid-Until "false"' \
  --dpkgopt=path-exclude='/usr/share/doc/*' --dpkgopt=path-exclude='/usr/share/man/*' \
  --dpkgopt=path-exclude='/usr/share/locale/*' "$suite" "$root" "$mirror"

# What the packages' scripts would have made.
for d in bin sbin lib lib64; do
  [ -e "$root/$d" ] || { mkdir -p "$root/usr/$d" && ln -s "usr/$d" "$root/$d"; }
done
mkdir -p "$root"/{tmp,run,srv,var/lib/asterisk,var/log/asterisk,var/spool/asterisk}
chmod 1777 "$root/tmp"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
echo '127.0.0.1 localhost' >"$root/etc/hosts"
: >"$root/etc/resolv.conf" # no name is ever looked up
[ -e "$root/usr/share/asterisk/sounds/en" ] || ln -s en_US_f_Allison "$root/usr/share/asterisk/sounds/en"
rm -rf "$root"/var/cache/apt "$root"/var/lib/apt/lists

runs "$root" || { echo "Asterisk of Debian $suite: unpacked, but it is not a version 22 that runs" >&2; exit 1; }
rm -rf "$tree"
mv "$root" "$tree"
