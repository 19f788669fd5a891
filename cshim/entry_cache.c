/* Entry points: adding, removing and flushing sessions. */
#include "cache.h"
#include "libssl.h"
#include "share.h"

SSC_EXPORT int SSL_CTX_add_session(SSL_CTX *ctx, SSL_SESSION *sess)
{
    SSC_ENTER(SSL_CTX_add_session, ctx, sess);

    if (real == NULL || ctx == NULL || sess == NULL)
        return 0;
    struct ssc_ctx *rec = ssc_ctx_attach(ctx);
    if (rec == NULL || ssc_cache_in_libssl())
        return real->SSL_CTX_add_session(ctx, sess);
    return ssc_cache_add(rec, NULL, sess, ssc_share_stores(rec));
}

SSC_EXPORT int SSL_add_session(SSL_CTX *ctx, SSL_SESSION *sess)
{
    SSC_PASS_FOREIGN(SSL_CTX_add_session, ctx, sess);
    return SSL_CTX_add_session(ctx, sess);
}

SSC_EXPORT int SSL_CTX_remove_session(SSL_CTX *ctx, SSL_SESSION *sess)
{
    SSC_ENTER(SSL_CTX_remove_session, ctx, sess);

    if (real == NULL || ctx == NULL || sess == NULL)
        return 0;
    struct ssc_ctx *rec = ssc_ctx_attach(ctx);
    if (rec == NULL)
        return real->SSL_CTX_remove_session(ctx, sess);
    return ssc_cache_remove(rec, sess, !ssc_libssl_is(__builtin_return_address(0)));
}

SSC_EXPORT int SSL_remove_session(SSL_CTX *ctx, SSL_SESSION *sess)
{
    SSC_PASS_FOREIGN(SSL_CTX_remove_session, ctx, sess);
    return SSL_CTX_remove_session(ctx, sess);
}

static void flush(const void *caller, SSL_CTX *ctx, time_t tm)
{
    const struct ssc_libssl *foreign = ssc_libssl_foreign(caller, false);
    const struct ssc_libssl *real = ssc_libssl_find(caller);

    if (real == NULL || ctx == NULL)
        return;
    if (foreign != NULL) {
        ssc_libssl_flush(foreign, ctx, tm);
        return;
    }
    struct ssc_ctx *rec = ssc_ctx_of(ctx);
    if (rec == NULL)
        ssc_libssl_flush(real, ctx, tm);
    else if (!ssc_ctx_being_freed(ctx))
        ssc_cache_flush(rec, tm, tm == 0, ssc_share_removals(rec));
    /* The end of a context is not the end of a cache that others share. */
    else if (atomic_load(&ssc_ctx_table(rec)->users) == 1)
        ssc_cache_flush(rec, tm, tm == 0, 0);
}

SSC_EXPORT void SSL_CTX_flush_sessions(SSL_CTX *ctx, long tm)
{
    flush(__builtin_return_address(0), ctx, (time_t)tm);
}

SSC_EXPORT void SSL_CTX_flush_sessions_ex(SSL_CTX *ctx, time_t tm)
{
    flush(__builtin_return_address(0), ctx, tm);
}

SSC_EXPORT struct lhash_st_SSL_SESSION *SSL_CTX_sessions(SSL_CTX *ctx)
{
    SSC_ENTER(SSL_CTX_sessions, ctx);

    if (real == NULL || ctx == NULL)
        return NULL;
    struct ssc_ctx *rec = ssc_ctx_attach(ctx);
    if (rec != NULL)
        ssc_cache_mirror(rec);
    return real->SSL_CTX_sessions(ctx);
}
