#!/bin/sh
# go-core.sh OUTDIR: builds the Go core (capi/ over gocore/) into the one
# relocatable object OUTDIR/sscore.o, ready to be linked into libsesscache.so.
#
# The Go toolchain makes an archive whose initialiser would run when the library
# is loaded. Five changes to it give the shim control:
#   - the section with the initialiser's address is renamed, so that the dynamic
#     loader does not see it and cshim/runtime.c calls it at the first need;
#   - the runtime's table of signals can be seen, for cshim/signals.c;
#   - pthread_create becomes ssc_core_pthread_create, so that Go's threads come
#     from cshim/threads.c, which can serve them where the host forbids new ones;
#   - pthread_getattr_np becomes ssc_core_pthread_getattr_np, so that cshim/stack.c
#     says where stacks begin and end, without a file;
#   - malloc and free become those of cshim/blocks.c, for the runtime's threads.
# Names are resolved by Go itself (netgo): the C library's resolver loads files
# and takes threads, which a host in an empty root without threads has not.
set -eu

out=${1:?usage: go-core.sh OUTDIR}
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)

(cd "$root" && CGO_ENABLED=1 go build -trimpath -tags netgo,osusergo -buildmode=c-archive -o "$out/sscore.a" ./capi)

objects=$out/objects
rm -rf "$objects"
mkdir "$objects"
(cd "$objects" && ar x ../sscore.a)
ld -r -o "$out/sscore.tmp.o" "$objects"/*.o
objcopy \
    --rename-section .init_array=ssc_go_init \
    --rename-section .rela.init_array=.relassc_go_init \
    --redefine-sym pthread_create=ssc_core_pthread_create \
    --redefine-sym pthread_getattr_np=ssc_core_pthread_getattr_np \
    --redefine-sym malloc=ssc_core_malloc \
    --redefine-sym free=ssc_core_free \
    --globalize-symbol=runtime.sigtable \
    "$out/sscore.tmp.o"
mv "$out/sscore.tmp.o" "$out/sscore.o"
rm -rf "$objects"
