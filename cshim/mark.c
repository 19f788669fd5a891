#include "mark.h"

#include <errno.h>
#include <stdatomic.h>

#include "libssl.h"
#include "process.h"

/*
 * Contexts of libssl's which cache nothing and have no callback. To make one takes
 * 16 KB and half a millisecond: there is a first one where some sessions have been
 * marked, and one for a lane of threads where that has marked many.
 */
#define SOME_MARKS 256u
#define MANY_MARKS 8192u
struct marker {
    _Alignas(64) _Atomic(SSL_CTX *) ctx;
    _Atomic unsigned wanted; /* how often there was none */
};
static struct marker first, own[SSC_LANES];

/* Not by a function that libssl calls through a name of ours: that would attach it. */
static SSL_CTX *make(const struct ssc_libssl *real)
{
    const SSL_METHOD *const method = real->TLS_method();

    return real->SSL_CTX_new_ex != NULL ? real->SSL_CTX_new_ex(NULL, NULL, method)
                                        : real->SSL_CTX_new(method);
}

static __attribute__((noinline, cold)) SSL_CTX *made(struct marker *marker)
{
    const struct ssc_libssl *real = ssc_libssl();
    const int saved_errno = errno;
    SSL_CTX *other = NULL;

    real->ERR_set_mark();
    SSL_CTX *const ctx = make(real);
    if (ctx != NULL && !atomic_compare_exchange_strong(&marker->ctx, &other, ctx))
        real->SSL_CTX_free(ctx); /* another thread was faster */
    real->ERR_pop_to_mark();
    errno = saved_errno;
    return other != NULL ? other : ctx;
}

/*
 * The marker's context, or NULL: it was not wanted so often yet. If none is to be
 * had, that is tried again after as many times.
 */
static SSL_CTX *context_of(struct marker *marker, unsigned marks)
{
    SSL_CTX *const ctx = atomic_load_explicit(&marker->ctx, memory_order_acquire);

    if (ssc_likely(ctx != NULL))
        return ctx;
    return atomic_fetch_add_explicit(&marker->wanted, 1, memory_order_relaxed) % marks == marks - 1
               ? made(marker)
               : NULL;
}

bool ssc_mark(SSL_SESSION *sess)
{
    SSL_CTX *ctx = context_of(&own[ssc_lane()], MANY_MARKS);

    if (ctx == NULL)
        ctx = context_of(&first, SOME_MARKS);
    if (ctx == NULL)
        return false;
    ssc_libssl()->SSL_CTX_remove_session(ctx, sess);
    return true;
}

void ssc_mark_forked(void)
{
    atomic_store(&first.ctx, NULL);
    for (unsigned i = 0; i < SSC_LANES; i++)
        atomic_store(&own[i].ctx, NULL);
}
