#!/usr/bin/env bash
# version-script.sh EXPORTS: prints the linker's version script for the symbols
# in EXPORTS (one a line, # comments allowed). The node has no name: a node of
# our own would keep the dynamic linker from interposing our symbols.
set -euo pipefail

mapfile -t symbols < <(sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$1")
if [ ${#symbols[@]} -eq 0 ]; then
    echo "$1: no symbol is listed" >&2
    exit 1
fi
echo "{"
echo "global:"
printf '    %s;\n' "${symbols[@]}"
echo "local:"
echo "    *;"
echo "};"
