/* Entry points: session IDs that the application makes, and conflicts among them. */
#include "cache.h"
#include "connection.h"
#include "libssl.h"
#include "share.h"
#include "trampoline.h"

SSC_EXPORT int SSL_has_matching_session_id(const SSL *ssl, const unsigned char *id,
                                           unsigned int id_len)
{
    SSC_ENTER(SSL_has_matching_session_id, ssl, id, id_len);

    if (real == NULL || ssl == NULL)
        return 0;
    struct ssc_ctx *rec = ssc_ctx_of(ssc_connection_owner(ssl));
    /* libssl asks of each ID it makes, 32 random bytes, whether it has them
     * already. That takes two crossings to learn what is as good as certain. */
    if (ssc_libssl_is(__builtin_return_address(0)) && rec != NULL &&
        atomic_load(&rec->generate_cb) == NULL && ssc_connection_generate_cb(ssl) == NULL)
        return 0;
    if (rec == NULL)
        return real->SSL_has_matching_session_id(ssl, id, id_len);
    return ssc_cache_contains(rec, id, id_len, real->SSL_version(ssl), ssc_share_lookups(rec));
}

SSC_EXPORT int SSL_CTX_set_generate_session_id(SSL_CTX *ctx, GEN_SESSION_CB cb)
{
    SSC_ENTER(SSL_CTX_set_generate_session_id, ctx, cb);

    if (real == NULL || ctx == NULL)
        return 0;
    struct ssc_ctx *rec = ssc_ctx_attach(ctx);
    if (rec == NULL)
        return real->SSL_CTX_set_generate_session_id(ctx, cb);
    atomic_store(&rec->generate_cb, cb);
    return real->SSL_CTX_set_generate_session_id(ctx, cb != NULL ? ssc_trampoline_generate : NULL);
}

SSC_EXPORT int SSL_set_generate_session_id(SSL *ssl, GEN_SESSION_CB cb)
{
    SSC_ENTER(SSL_set_generate_session_id, ssl, cb);

    if (real == NULL || ssl == NULL)
        return 0;
    if (ssc_ctx_of(ssc_connection_owner(ssl)) == NULL || !ssc_connection_set_generate_cb(ssl, cb))
        return real->SSL_set_generate_session_id(ssl, cb);
    return real->SSL_set_generate_session_id(ssl, cb != NULL ? ssc_trampoline_generate : NULL);
}
