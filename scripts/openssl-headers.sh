#!/usr/bin/env bash
# openssl-headers.sh DIR: puts the OpenSSL headers of every line that the public
# header has to agree with into DIR/<line>/include, from Debian's packages. What
# is there already stays; what cannot be had is said, and the status is 1.
set -euo pipefail
out=${1:?usage: openssl-headers.sh DIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
missing=0

fetch() { # LINE SUITE VERSION-PREFIX
    local line=$1 suite=$2 prefix=$3 work version
    [ -d "$out/$line/include/openssl" ] && return 0
    work=$(mktemp -d)
    mkdir -p "$work"/{lists/partial,cache/archives/partial,root}
    echo "deb [signed-by=$keyring] http://deb.debian.org/debian $suite main" >"$work/sources.list"
    local apt=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=-
        -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
        -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false)
    if apt-get "${apt[@]}" update -qq >"$work/log" 2>&1 &&
        version=$(apt-cache "${apt[@]}" madison libssl-dev |
            awk -v p="$prefix" 'index($3, p) == 1 { print $3; exit }') &&
        [ -n "$version" ] &&
        (cd "$work" && apt-get "${apt[@]}" download -qq "libssl-dev=$version" >>log 2>&1) &&
        dpkg-deb -x "$work"/libssl-dev_*.deb "$work/root"; then
        mkdir -p "$out/$line"
        mv "$work/root/usr/include" "$out/$line/include"
        # Debian keeps what differs by machine beside the rest.
        cp -r "$out/$line"/include/*-linux-gnu/openssl/. "$out/$line/include/openssl/" 2>/dev/null || true
    else
        echo "openssl-headers: no headers of OpenSSL $line from $suite: $(tail -1 "$work/log")" >&2
        missing=1
    fi
    rm -rf "$work"
}

fetch 1.1.1 bullseye 1.1.1
fetch 3.5 trixie 3.5
fetch 3.6 sid 3.6
fetch 4.0 experimental 4.0
exit $missing
