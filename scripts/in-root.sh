#!/usr/bin/env bash
# in-root.sh ROOT [NAME=VALUE...] COMMAND [ARGUMENT...]: runs a command in a
# Debian root. The working tree is /src there, read-only but for build/matrix;
# the Go toolchain and the modules that it keeps are there too, read-only. Mounts
# and processes live in namespaces that end with the command, so that neither is
# ever left behind. Needs root.
set -euo pipefail
root=$(cd "${1:?usage: in-root.sh ROOT COMMAND...}" && pwd)
shift
tree=$(cd "$(dirname "$0")/.." && pwd)
goroot=$(go env GOROOT)
modules=$(go env GOMODCACHE)
mkdir -p "$tree/build/matrix" "$modules"

export IN_ROOT=$root IN_ROOT_TREE=$tree IN_ROOT_GO=$goroot IN_ROOT_MODULES=$modules
# The shell inside stays as the first process, which has to take in orphans: the
# tests of servers wait for their end.
exec unshare --mount --propagation private --pid --fork --kill-child -- bash -euc '
    read_only() {
        mkdir -p "$IN_ROOT$2"
        mount --bind "$1" "$IN_ROOT$2"
        mount -o remount,ro,bind "$IN_ROOT$2"
    }
    mount -t proc proc "$IN_ROOT/proc"
    mount --rbind /dev "$IN_ROOT/dev"
    read_only "$IN_ROOT_TREE" /src
    mount --bind "$IN_ROOT_TREE/build/matrix" "$IN_ROOT/src/build/matrix"
    read_only "$IN_ROOT_GO" /usr/local/go
    read_only "$IN_ROOT_MODULES" /usr/local/gomodules
    cp -L /etc/resolv.conf "$IN_ROOT/etc/resolv.conf" 2> /dev/null || true
    status=0
    chroot "$IN_ROOT" /usr/bin/env -i \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/go/bin HOME=/root LC_ALL=C.UTF-8 \
        GOMODCACHE=/usr/local/gomodules GOCACHE=/src/build/matrix/gocache GOTOOLCHAIN=local \
        GOPROXY=off GOFLAGS=-buildvcs=false "$@" || status=$?
    exit "$status"' in-root "$@"
