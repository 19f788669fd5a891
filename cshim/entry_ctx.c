/* Entry points: the making of contexts, and places in their ex_data. */
#include <dlfcn.h>

#include "config.h"
#include "connection.h"
#include "ctx.h"
#include "keys.h"
#include "libssl.h"
#include "region.h"

/* The context that this thread is freeing. */
static __thread SSL_CTX *freeing;

bool ssc_ctx_being_freed(const SSL_CTX *ctx)
{
    return freeing == ctx;
}

/* This thread is in libssl's SSL_CTX_new, which from 3.0 on calls SSL_CTX_new_ex. */
static __thread bool in_libssl_new;

static SSL_CTX *attached(SSL_CTX *ctx)
{
    if (ctx != NULL) {
        /* A remove callback may have left SSL_CTX_free of another one there by longjmp. */
        if (freeing == ctx)
            freeing = NULL;
        if (ssc_config()->key_file != NULL)
            ssc_keys_refresh(true);
        ssc_region_map();
        ssc_ctx_attach(ctx);
    }
    return ctx;
}

SSC_EXPORT SSL_CTX *SSL_CTX_new(const SSL_METHOD *method)
{
    const void *caller = __builtin_return_address(0);
    const struct ssc_libssl *real = ssc_libssl_find(caller);
    const struct ssc_libssl *foreign = ssc_libssl_foreign(caller, true);

    if (foreign != NULL)
        return foreign->SSL_CTX_new(method);
    if (real == NULL)
        return NULL;
    ssc_ctx_indices();
    in_libssl_new = true;
    SSL_CTX *ctx = real->SSL_CTX_new(method);
    in_libssl_new = false;
    return attached(ctx);
}

SSC_EXPORT SSL_CTX *SSL_CTX_new_ex(struct ossl_lib_ctx_st *libctx, const char *propq,
                                   const SSL_METHOD *method)
{
    const void *caller = __builtin_return_address(0);
    const struct ssc_libssl *real = ssc_libssl_find(caller);
    const struct ssc_libssl *foreign = ssc_libssl_foreign(caller, true);

    if (foreign != NULL && foreign->SSL_CTX_new_ex != NULL)
        return foreign->SSL_CTX_new_ex(libctx, propq, method);
    if (foreign != NULL || real == NULL || real->SSL_CTX_new_ex == NULL)
        return NULL;
    if (in_libssl_new)
        ssc_libssl_seen_calling_us();
    ssc_ctx_indices();
    return attached(real->SSL_CTX_new_ex(libctx, propq, method));
}

/*
 * Seen for what a connection takes over from its context: from 3.2 on libssl
 * has not set it yet when the functions of our places in SSL run.
 */
SSC_EXPORT SSL *SSL_new(SSL_CTX *ctx)
{
    SSC_ENTER(SSL_new, ctx);

    if (real == NULL)
        return NULL;
    SSL *ssl = real->SSL_new(ctx);
    if (ssl != NULL)
        ssc_connection_made(ssl);
    return ssl;
}

/* Seen because the sessions stay those of the context before, for which libssl has no getter. */
SSC_EXPORT SSL_CTX *SSL_set_SSL_CTX(SSL *ssl, SSL_CTX *ctx)
{
    SSC_ENTER(SSL_set_SSL_CTX, ssl, ctx);

    if (real == NULL || ssl == NULL)
        return NULL;
    if (ctx != real->SSL_get_SSL_CTX(ssl) && !ssc_connection_leave(ssl))
        return NULL;
    return real->SSL_set_SSL_CTX(ssl, ctx);
}

/* Seen only to tell libssl's flush at the end of a context from the application's. */
SSC_EXPORT void SSL_CTX_free(SSL_CTX *ctx)
{
    SSC_ENTER(SSL_CTX_free, ctx);
    SSL_CTX *outer = freeing;

    if (real == NULL || ctx == NULL)
        return;
    freeing = ctx;
    real->SSL_CTX_free(ctx);
    freeing = outer;
}

/* Seen because it tells whose sessions the context's are, and libssl has no getter for it. */
SSC_EXPORT int SSL_CTX_set_session_id_context(SSL_CTX *ctx, const unsigned char *sid_ctx,
                                              unsigned int sid_ctx_len)
{
    SSC_ENTER(SSL_CTX_set_session_id_context, ctx, sid_ctx, sid_ctx_len);

    if (real == NULL || ctx == NULL)
        return 0;
    const int set = real->SSL_CTX_set_session_id_context(ctx, sid_ctx, sid_ctx_len);
    struct ssc_ctx *rec = ssc_ctx_attach(ctx);
    if (set && rec != NULL)
        ssc_ctx_set_context_id(rec, sid_ctx, sid_ctx_len);
    return set;
}

typedef int get_ex_new_index(int class_index, long argl, void *argp, ssc_ex_new *new_func,
                             ssc_ex_dup *dup_func, ssc_ex_free *free_func);
SSC_EXPORT get_ex_new_index CRYPTO_get_ex_new_index;

/*
 * libcrypto's function, passed on. Its calls are seen only so that the shim's
 * own places come before the application's first (see ssc_ctx_indices).
 */
int CRYPTO_get_ex_new_index(int class_index, long argl, void *argp, ssc_ex_new *new_func,
                            ssc_ex_dup *dup_func, ssc_ex_free *free_func)
{
    const void *caller = __builtin_return_address(0);
    get_ex_new_index *real;

    /* That of the libcrypto which the caller is linked with: there may be several. */
    *(void **)&real =
        dlsym(ssc_libssl_scope(caller, "CRYPTO_get_ex_new_index"), "CRYPTO_get_ex_new_index");
    if (real == NULL)
        return -1;
    if ((class_index == SSC_EX_INDEX_SSL_CTX || class_index == SSC_EX_INDEX_SSL) &&
        ssc_libssl_find(caller) != NULL)
        ssc_ctx_indices();
    return real(class_index, argl, argp, new_func, dup_func, free_func);
}
