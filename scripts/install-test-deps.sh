#!/usr/bin/env bash
# Installs, on Debian and its kin, the software that tests of real peers and of several hosts want. Only what is
# missing; no service is started or enabled. Says in one line what it did.
set -euo pipefail

# Command that shows the package is there, and the package.
needs=(
  ip:iproute2
  curl:curl
  nginx:nginx
  haproxy:haproxy
  redis-server:redis-server
  redis-cli:redis-tools
  ngircd:ngircd
  sic:sic
  etcd:etcd-server
)
stream_module=/usr/lib/nginx/modules/ngx_stream_module.so
# Packages that bring a service, and their units.
services=(nginx:nginx haproxy:haproxy redis-server:redis-server ngircd:ngircd etcd-server:etcd)

PATH=$PATH:/usr/sbin:/sbin
missing=()
for need in "${needs[@]}"; do
  command -v "${need%%:*}" >/dev/null || missing+=("${need#*:}")
done
[[ -e $stream_module ]] || missing+=(libnginx-mod-stream)

if ((${#missing[@]} == 0)); then
  echo "test-deps: everything is there"
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "test-deps: no apt-get here; install by other means what has these in Debian: ${missing[*]}" >&2
  exit 1
fi
if ((EUID != 0)); then
  echo "test-deps: needs root; run: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

work=$(mktemp -d)
policy=/usr/sbin/policy-rc.d
restore() {
  if [[ -e $work/policy-rc.d ]]; then
    mv -f "$work/policy-rc.d" "$policy"
  elif [[ -e $work/policy-is-ours ]]; then
    rm -f "$policy"
  fi
  rm -rf "$work"
}
trap restore EXIT

# invoke-rc.d asks this program whether it may start a service; 101 means no.
if [[ -e $policy ]]; then mv "$policy" "$work/policy-rc.d"; else touch "$work/policy-is-ours"; fi
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

quietly() {
  "$@" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    echo "test-deps: failed: $*" >&2
    exit 1
  }
}
export DEBIAN_FRONTEND=noninteractive
quietly apt-get -q update
quietly apt-get -qy -o DPkg::Lock::Timeout=120 --no-install-recommends install "${missing[@]}"

# Not started now and not at the next boot either; what was there before keeps its setting.
if command -v systemctl >/dev/null; then
  for service in "${services[@]}"; do
    if [[ " ${missing[*]} " == *" ${service%%:*} "* ]]; then
      quietly systemctl --root=/ --quiet disable "${service#*:}.service"
    fi
  done
fi
echo "test-deps: installed ${missing[*]}"
