/*
 * blocks.c: what the C parts of the Go runtime allocate: a block for each thread that it
 * makes, which one of its threads fills and the new one frees. malloc would make an arena
 * for each of them: 64 MB of address space, some system calls, pages. A few such blocks
 * are enough, for each is in use for an instant only; beyond those malloc serves.
 */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "blocks.h"

#define BLOCKS 32
#define SIZE 32

static _Alignas(64) unsigned char blocks[BLOCKS][SIZE];
static _Atomic uint32_t in_use; /* a bit for each */

void *ssc_core_malloc(size_t size)
{
    uint32_t used = atomic_load_explicit(&in_use, memory_order_relaxed);

    while (size <= SIZE && used != UINT32_MAX) {
        const int i = __builtin_ctz(~used);
        if (atomic_compare_exchange_weak_explicit(&in_use, &used, used | UINT32_C(1) << i,
                                                  memory_order_acquire, memory_order_relaxed))
            return blocks[i];
    }
    return malloc(size);
}

void ssc_core_free(void *block)
{
    const uintptr_t at = (uintptr_t)block - (uintptr_t)blocks;

    if (at < sizeof blocks)
        atomic_fetch_and_explicit(&in_use, ~(UINT32_C(1) << at / SIZE), memory_order_release);
    else
        free(block);
}
