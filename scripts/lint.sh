#!/usr/bin/env bash
# lint.sh check|fix: format of C and Go sources; with check also go vet,
# staticcheck, shellcheck where it is installed, and the length of files.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t c_files < <(find include cshim tests/c tests/asan tools examples bench/c -name '*.[ch]' | sort)
mapfile -t go_files < <(find . -name '*.go' -not -path './build/*' -not -path './out/*' | sort)
mapfile -t scripts < <(find scripts .ci -name '*.sh' -o -path .ci/run | sort)
most_lines=500

if ! command -v clang-format > /dev/null; then
    echo "clang-format is missing: apt-get install clang-format" >&2
    exit 1
fi

if [ "${1:-check}" = fix ]; then
    gofmt -w "${go_files[@]}"
    clang-format -i "${c_files[@]}"
    exit 0
fi

status=0
mapfile -t unformatted < <(gofmt -l "${go_files[@]}")
if [ ${#unformatted[@]} -gt 0 ]; then
    printf 'not formatted: %s\n' "${unformatted[@]}"
    status=1
fi
clang-format --dry-run -Werror "${c_files[@]}" || status=1
go vet ./... || status=1
go tool staticcheck ./... || status=1
if command -v shellcheck > /dev/null; then
    shellcheck "${scripts[@]}" || status=1
fi
for file in "${c_files[@]}" "${go_files[@]}" "${scripts[@]}"; do
    lines=$(wc -l < "$file")
    if [ "$lines" -gt "$most_lines" ]; then
        echo "$file has $lines lines, more than $most_lines"
        status=1
    fi
done
exit "$status"
