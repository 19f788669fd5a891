#!/usr/bin/env bash
# install-packages.sh build|demo|bench|test|matrix: installs the Debian packages which that
# target needs and which are missing. Needs root, or sudo without a password.
# No service of a new package is started.
set -euo pipefail

die() {
    echo "$*" >&2
    exit 1
}

build=(gcc libc6-dev binutils make libssl-dev)
demo=("${build[@]}" nginx openssl)
bench=("${demo[@]}" haproxy redis-server)
test=("${demo[@]}" g++ libnginx-mod-stream haproxy apache2 stunnel4 lighttpd lighttpd-mod-openssl
    python3 cmake pkg-config valgrind libssl-doc redis-server redis-tools redis-sentinel memcached)
matrix=("${test[@]}" debootstrap debian-archive-keyring)

case "${1:-}" in
build) wanted=("${build[@]}") ;;
demo) wanted=("${demo[@]}") ;;
bench) wanted=("${bench[@]}") ;;
test) wanted=("${test[@]}") ;;
matrix) wanted=("${matrix[@]}") ;;
*) die "usage: $0 build|demo|bench|test|matrix" ;;
esac

# Go comes from go.dev rather than from Debian, whose release is older.
command -v go > /dev/null ||
    die "Go is missing: install the version that go.mod names from https://go.dev/dl/ and put it in PATH."

command -v dpkg-query > /dev/null ||
    die "This is no Debian system: install what stands for ${wanted[*]} and run go, make and scripts/test.sh by hand."

missing=()
for package in "${wanted[@]}"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo > /dev/null || ! sudo -n true 2> /dev/null; then
        die "Debian packages are missing and this user is neither root nor has sudo without a password: apt-get install ${missing[*]}"
    fi
    as_root=(sudo -n)
fi

# invoke-rc.d asks this file whether it may start a service: 101 says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    # shellcheck disable=SC2064 # the values of now are wanted
    trap "${as_root[*]} rm -f $policy" EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" > /dev/null
    "${as_root[@]}" chmod 755 "$policy"
fi

install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "${missing[@]}" > "$log" 2>&1
}

echo "installing ${missing[*]}"
log=$(mktemp)
# A list of packages that is old or absent is a reason to fetch it, then to try again.
if ! install && ! { "${as_root[@]}" apt-get update -q > "$log" 2>&1 && install; }; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die "apt-get could not install ${missing[*]}; its last lines stand above."
fi
rm -f "$log"
