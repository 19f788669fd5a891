#include "reserve.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "ssc.h"

/* A thread that adds no more sessions than these has none in reserve. */
#define NONE_BEFORE 2u
#define FIRST 16u
#define MOST 64u /* 64 KB */

struct place {
    void *session, *lock;
};

static __thread struct {
    struct place place[MOST]; /* the first `n`; the last of them is the next to go */
    uint8_t n;
    uint8_t wanted;   /* to be made when there are none */
    uint8_t sessions; /* that stayed, up to NONE_BEFORE */
} reserve;

/* What malloc gives libssl for a session, or OTHERWISE: another gives it. 0: not known yet. */
#define OTHERWISE SIZE_MAX
static _Atomic size_t session_size;

static size_t known_size(void)
{
    return atomic_load_explicit(&session_size, memory_order_relaxed);
}

static size_t size_of(const SSL_SESSION *sess)
{
    const struct ssc_libssl *real = ssc_libssl();
    ssc_crypto_malloc *allocates = NULL;
    size_t size = known_size();

    if (ssc_likely(size != 0))
        return size;
    if (real->CRYPTO_get_mem_functions != NULL)
        real->CRYPTO_get_mem_functions(&allocates, NULL, NULL);
    size = allocates != NULL && allocates == real->CRYPTO_malloc
               ? malloc_usable_size((void *)(uintptr_t)sess)
               : OTHERWISE;
    atomic_store_explicit(&session_size, size, memory_order_relaxed);
    return size;
}

/* Whether this is a thread that makes sessions; others have no use for a reserve. */
static bool adds_sessions(void)
{
    return reserve.sessions == NONE_BEFORE;
}

static void *place_of_lock(void)
{
    return malloc(sizeof(pthread_rwlock_t)); /* what libcrypto asks for */
}

/* Sessions beside sessions and locks beside locks: the locks in use are in few pages then. */
static void fill(const SSL_SESSION *like)
{
    const size_t size = size_of(like);

    if (size == OTHERWISE)
        return;
    if (reserve.wanted < MOST)
        reserve.wanted = reserve.wanted == 0 ? FIRST : 2 * reserve.wanted;
    for (unsigned i = reserve.wanted; i-- > 0;)
        reserve.place[i].lock = place_of_lock();
    for (unsigned i = reserve.wanted; i-- > 0;)
        reserve.place[i].session = malloc(size);
    reserve.n = reserve.wanted;
}

static void give_back(void)
{
    const struct place place = reserve.place[--reserve.n];

    free(place.lock);
    free(place.session);
}

void ssc_reserve_place(const SSL_SESSION *stays, bool grows)
{
    const int saved_errno = errno;

    if (!adds_sessions()) {
        reserve.sessions++;
        return;
    }
    if (reserve.n == 0 && grows)
        fill(stays);
    if (reserve.n > 0)
        give_back();
    errno = saved_errno;
}

void ssc_reserve_keep(void)
{
    const int saved_errno = errno;
    const size_t size = known_size();

    if (!adds_sessions() || size == 0 || size == OTHERWISE || reserve.n == MOST)
        return;
    reserve.place[reserve.n++] = (struct place){malloc(size), place_of_lock()};
    errno = saved_errno;
}

void ssc_reserve_thread_ends(void)
{
    while (reserve.n > 0)
        give_back();
}
