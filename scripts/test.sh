#!/usr/bin/env bash
# test.sh all|asan: what `make test` and `make asan` run. The last line is
# `N passed, N failed, N skipped`; the status is 1 when something failed.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
what=${1:-all}

MAKE=${MAKE:-make}
export GOFLAGS="-buildvcs=false ${GOFLAGS:-}"
results=$root/build/test/results
jobs=$(nproc)

scripts/install-packages.sh test

# What cannot be had is skipped by its test, which says so.
[ "$what" != all ] || scripts/openssl-headers.sh build/headers || true

rm -rf build/test
mkdir -p build/test build/bin
go build -o build/bin/testsum ./scripts/testsum

# Each of these notes its result; the sum at the end sets the exit status.
run() { build/bin/testsum -results "$results" run "$@" || true; }
check() { build/bin/testsum -results "$results" check "$@"; }

use_library() {
    export SESSCACHE_LIBRARY=$root/$1/libsesscache.so
    export SESSCACHE_TESTS_C=$root/$1/tests/c
}

unit_tests() {
    check "go vet" go vet ./... || true
    check "staticcheck" go tool staticcheck ./... || true
    run "without cgo" env CGO_ENABLED=0 go test -json -count=1 ./gocore/...
    run "race" go test -json -race -count=1 ./gocore/... ./capi/... ./cmd/... ./scripts/... \
        ./bench/...
}

# One package at a time: the tests measure times and start servers.
library_tests() {
    use_library build
    run "library" go test -json -count=1 -p 1 -timeout 20m ./tests/go/...
}

asan_tests() {
    use_library build/asan
    # The sanitizer's runtime has to come first of what is preloaded.
    SESSCACHE_PRELOAD_FIRST=$(gcc -print-file-name=libasan.so)
    export SESSCACHE_PRELOAD_FIRST
    export SESSCACHE_ASAN=1
    export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
    export UBSAN_OPTIONS=print_stacktrace=1
    run "sanitized" go test -json -count=1 -timeout 20m ./tests/go/conformance
    unset SESSCACHE_PRELOAD_FIRST SESSCACHE_ASAN ASAN_OPTIONS UBSAN_OPTIONS
}

case "$what" in
all)
    # The Go core and the shim also stand by themselves when the build fails.
    if check "build" "$MAKE" -j"$jobs" all tests-c tools bench-c examples asan-build; then
        unit_tests
        library_tests
        asan_tests
    else
        unit_tests
    fi
    ;;
asan)
    if check "build" "$MAKE" -j"$jobs" asan-build tools; then
        asan_tests
    fi
    ;;
*)
    echo "usage: $0 all|asan" >&2
    exit 2
    ;;
esac

exec build/bin/testsum -results "$results" total
