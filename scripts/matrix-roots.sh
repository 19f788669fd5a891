#!/usr/bin/env bash
# matrix-roots.sh [LINE...]: makes the Debian roots of the OpenSSL lines that the
# matrix runs on, beside the host's own: build/roots/<line>. A root is made once
# and kept; remove its directory to have it made anew. What could not be had is
# told in build/roots/<line>.failed, one sentence, and the status stays 0: the
# matrix says so in its table. Needs root.
set -euo pipefail
cd "$(dirname "$0")/.."
roots=$PWD/build/roots
mirror=http://deb.debian.org/debian
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# gdb is there for whoever looks for the cause of a failure.
programs=(gcc libc6-dev make binutils libssl-dev openssl gdb)
servers=(nginx haproxy libnginx-mod-stream)

suite_of() {
    case "$1" in
    1.1.1) echo bullseye ;;
    3.5) echo trixie ;;
    3.6) echo sid ;;
    4.0) echo experimental ;;
    *) echo "matrix-roots: no such line: $1" >&2 && return 1 ;;
    esac
}

# The mirror's Release files may be past their date.
apt_in() { # DIR ARGUMENT...
    local dir=$1
    shift
    scripts/in-root.sh "$dir" DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root \
        --no-install-recommends "$@"
}

# No service starts in a root: invoke-rc.d asks this file, 101 says no.
forbid_services() {
    printf '#!/bin/sh\nexit 101\n' > "$1/usr/sbin/policy-rc.d"
    chmod 755 "$1/usr/sbin/policy-rc.d"
}

make_suite() { # SUITE DIR
    debootstrap --variant=minbase --keyring="$keyring" "$1" "$2" "$mirror"
    forbid_services "$2"
    apt_in "$2" update
    apt_in "$2" install "${programs[@]}" "${servers[@]}"
    apt_in "$2" clean
}

# OpenSSL 4.0 is in experimental, which is no whole suite: it stands on sid.
make_experimental() { # DIR
    make_line 3.6
    [ -e "$roots/3.6/etc/debian_version" ] || {
        echo "E: the root of sid that it stands on could not be had"
        return 1
    }
    cp -a "$roots/3.6" "$1"
    echo "deb $mirror experimental main" > "$1/etc/apt/sources.list.d/experimental.list"
    apt_in "$1" update
    apt_in "$1" install -t experimental libssl-dev openssl
    apt_in "$1" clean
}

make_line() { # LINE
    local line=$1 suite dir=$roots/$1 log=$roots/$1.log work=$roots/$1.new
    suite=$(suite_of "$line")
    [ ! -e "$dir/etc/debian_version" ] || return 0
    echo "matrix-roots: making the root of OpenSSL $line from Debian $suite" >&2
    rm -rf --one-file-system "$work" "$roots/$line.failed"
    # As a job of its own, since a function that is tested loses its set -e.
    if [ "$suite" = experimental ]; then
        (make_experimental "$work") > "$log" 2>&1 &
    else
        (make_suite "$suite" "$work") > "$log" 2>&1 &
    fi
    if wait $!; then
        mv "$work" "$dir"
    else
        echo "no root from Debian $suite: $(grep -aE '^(E|W|dpkg):|error' "$log" | tail -n 1)" \
            > "$roots/$line.failed"
        echo "matrix-roots: $(cat "$roots/$line.failed"); see $log" >&2
    fi
}

[ "$(id -u)" -eq 0 ] || {
    echo "matrix-roots: debootstrap and chroot need root" >&2
    exit 1
}
mkdir -p "$roots"
[ $# -gt 0 ] || set -- 1.1.1 4.0 3.5 3.6
for line; do
    make_line "$line"
done
