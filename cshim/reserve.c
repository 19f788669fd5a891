#include "reserve.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "ssc.h"

/* A thread that adds no more sessions than these has none in reserve. */
#define NONE_BEFORE 2u
#define FIRST 16u
#define MOST 64u /* 60 KB */

static __thread struct {
    void *place[MOST];
    uint8_t next, n;  /* place[next] to place[n - 1] are in reserve */
    uint8_t wanted;   /* to be made when there are none */
    uint8_t sessions; /* that stayed, up to NONE_BEFORE */
} reserve;

/* What malloc gives libssl for a session, or OTHERWISE: another gives it. */
#define OTHERWISE SIZE_MAX
static size_t size_of(const SSL_SESSION *sess)
{
    static _Atomic size_t known; /* 0: not asked yet */
    const struct ssc_libssl *real = ssc_libssl();
    ssc_crypto_malloc *allocates = NULL;
    size_t size = atomic_load_explicit(&known, memory_order_relaxed);

    if (ssc_likely(size != 0))
        return size;
    if (real->CRYPTO_get_mem_functions != NULL)
        real->CRYPTO_get_mem_functions(&allocates, NULL, NULL);
    size = allocates != NULL && allocates == real->CRYPTO_malloc
               ? malloc_usable_size((void *)(uintptr_t)sess)
               : OTHERWISE;
    atomic_store_explicit(&known, size, memory_order_relaxed);
    return size;
}

static void fill(const SSL_SESSION *like)
{
    const size_t size = size_of(like);

    reserve.next = reserve.n = 0;
    if (size == OTHERWISE)
        return;
    if (reserve.wanted < MOST)
        reserve.wanted = reserve.wanted == 0 ? FIRST : 2 * reserve.wanted;
    while (reserve.n < reserve.wanted) {
        void *const place = malloc(size);
        if (place == NULL)
            return;
        reserve.place[reserve.n++] = place;
    }
}

void ssc_reserve_place(const SSL_SESSION *stays)
{
    const int saved_errno = errno;

    if (reserve.sessions < NONE_BEFORE) {
        reserve.sessions++;
        return;
    }
    if (reserve.next == reserve.n)
        fill(stays);
    if (reserve.next < reserve.n)
        free(reserve.place[reserve.next++]);
    errno = saved_errno;
}

void ssc_reserve_thread_ends(void)
{
    while (reserve.next < reserve.n)
        free(reserve.place[reserve.next++]);
}
