#!/bin/sh
# Puts the real Consul 1.8.7 (Debian's package of the bullseye suite) into a folder, for the tests that compare meshgate with it,
# and prints the path of the binary. Uses the Debian mirror this machine is set up with and changes none of its settings; does
# nothing where a `consul` is on the PATH or in the folder already.
# usage: scripts/install-consul.sh [FOLDER]        (default: ./.consul)
set -eu
folder=${1:-.consul}
if [ -x "$folder/usr/bin/consul" ]; then echo "$folder/usr/bin/consul"; exit 0; fi
if command -v consul >/dev/null 2>&1; then command -v consul; exit 0; fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "install-consul: no apt-get on this machine; install Consul yourself and put it on the PATH" >&2
  exit 1
fi
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | sed -n \
  -e 's/^URIs:[[:space:]]*\([^ ]*\/debian\)\/\{0,1\}[[:space:]]*$/\1/p' \
  -e 's/^deb[[:space:]]\{1,\}\(\[[^]]*\][[:space:]]*\)\{0,1\}\([^ ]*\/debian\)\/\{0,1\}[[:space:]].*/\2/p' | head -n 1)
if [ -z "$mirror" ]; then
  echo "install-consul: the apt sources of this machine name no Debian mirror" >&2
  exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work/lists/partial" "$folder"
echo "deb $mirror bullseye main" >"$work/sources.list"
apt() {
  apt-get -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$work/lists" \
    -o APT::Get::List-Cleanup=0 -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false "$@"
}
apt -qq update >&2
(cd "$work" && apt -qq download consul >&2)
dpkg -x "$work"/consul_*.deb "$folder"
"$folder/usr/bin/consul" version >&2
echo "$folder/usr/bin/consul"
