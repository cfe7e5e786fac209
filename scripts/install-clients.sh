#!/bin/sh
# Puts clients of Consul that people use beside its own command line into a folder, for the tests that point them at the embedded
# registry: Debian's python3-consul with what it imports, prometheus 2.24, the last of Debian with Consul discovery, crypt, and the Go
# client (all of the bullseye suite) with a program that uses it (test/registry-server/clients/go-client). Uses the Debian mirror this machine is set up with and changes none of its settings; does nothing where the folder
# has them already. Prints the folder.
# usage: scripts/install-clients.sh [FOLDER]        (default: ./.clients)
set -eu
folder=${1:-.clients}
if [ -e "$folder/complete-2" ]; then echo "$folder"; exit 0; fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "install-clients: no apt-get on this machine: put python3-consul and prometheus 2.24 into $folder/usr yourself" >&2
  exit 1
fi
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | sed -n \
  -e 's/^URIs:[[:space:]]*\([^ ]*\/debian\)\/\{0,1\}[[:space:]]*$/\1/p' \
  -e 's/^deb[[:space:]]\{1,\}\(\[[^]]*\][[:space:]]*\)\{0,1\}\([^ ]*\/debian\)\/\{0,1\}[[:space:]].*/\2/p' | head -n 1)
if [ -z "$mirror" ]; then
  echo "install-clients: the apt sources of this machine name no Debian mirror" >&2
  exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work/lists/partial" "$folder"
# Without the list of what is installed, or apt asks the mirror for the installed version of a package.
: >"$work/status"
echo "deb $mirror bullseye main" >"$work/sources.list"
apt() {
  apt-get -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$work/lists" \
    -o "Dir::State::status=$work/status" -o APT::Get::List-Cleanup=0 -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none \
    -o Acquire::Retries=2 "$@"
}
apt -qq update >&2
packages="prometheus python3-consul python3-requests python3-urllib3 python3-six python3-certifi python3-chardet python3-idna"
# A machine without Python gets the suite's own, which is all that the clients above need of it.
command -v python3 >/dev/null 2>&1 || packages="$packages python3-minimal python3.9-minimal libpython3.9-minimal libpython3.9-stdlib libexpat1"
packages="$packages golang-github-xordataexchange-crypt golang-github-hashicorp-consul-dev golang-github-hashicorp-go-cleanhttp-dev
  golang-github-hashicorp-go-hclog-dev golang-github-hashicorp-go-rootcerts-dev golang-github-hashicorp-serf-dev
  golang-github-mitchellh-mapstructure-dev golang-github-armon-go-metrics-dev golang-github-hashicorp-golang-lru-dev
  golang-github-hashicorp-go-immutable-radix-dev golang-github-fatih-color-dev golang-github-mattn-go-isatty-dev
  golang-github-mattn-go-colorable-dev golang-github-mitchellh-go-homedir-dev golang-golang-x-sys-dev"
command -v go >/dev/null 2>&1 || packages="$packages golang-1.15-go golang-1.15-src"
# shellcheck disable=SC2086 -- a list of words
(cd "$work" && apt -qq download $packages >&2)
for package in "$work"/*.deb; do dpkg -x "$package" "$folder"; done
# The program on the Go client, by the Go of this machine or the suite's own.
go=go
root=$(cd "$folder" && pwd)
if ! command -v go >/dev/null 2>&1; then
  go=$root/usr/lib/go-1.15/bin/go
  export GOROOT="$root/usr/lib/go-1.15"
fi
source=$(cd "$(dirname "$0")/../test/registry-server/clients" && pwd)/go-client
mkdir -p "$work/go/src"
cp -r "$source" "$work/go/src/go-client"
GO111MODULE=off GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS= GOPATH="$work/go:$root/usr/share/gocode" GOCACHE="$work/cache" \
  "$go" build -o "$root/usr/bin/go-client" go-client >&2
# The release, then the sign that all of it is there: a run that was cut off starts again.
"$folder/usr/bin/prometheus" --version >&2
touch "$folder/complete-2"
echo "$folder"
