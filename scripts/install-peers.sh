#!/bin/sh
# Puts the gateways that `npm run bench` and `npm run security:peers` measure meshgate beside into a folder: nginx, HAProxy, Caddy and wrk
# (Debian's packages) where the PATH has none, and the npm ones. Uses the Debian mirror and the npm registry this machine is set up with and
# changes none of its settings; does nothing where the folder has them already. Prints the folder.
# usage: scripts/install-peers.sh [FOLDER]        (default: ./.peers)
set -eu
folder=${1:-.peers}
if [ -e "$folder/complete" ]; then echo "$folder"; exit 0; fi
mkdir -p "$folder"
missing=""
for program in nginx haproxy caddy wrk; do
  PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
if [ -n "$missing" ]; then
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "install-peers: no apt-get on this machine; put$missing on the PATH yourself" >&2
    exit 1
  fi
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  chmod 755 "$work"
  mkdir -p "$work/lists/partial"
  apt() { apt-get -o "Dir::State::lists=$work/lists" -o APT::Get::List-Cleanup=0 -o APT::Sandbox::User=root "$@"; }
  apt -qq update >&2
  # With the libraries that they are linked with and a small system may lack.
  # shellcheck disable=SC2086 -- a list of words
  (cd "$work" && apt -qq download $missing libpcre2-8-0 libssl3 liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 libluajit2-5.1-2 >&2)
  for package in "$work"/*.deb; do dpkg -x "$package" "$folder"; done
fi
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder/npm" \
  fastify@5.12.8 @fastify/http-proxy@11.6.3 httpxy@0.5.6 >&2
touch "$folder/complete"
echo "$folder"
