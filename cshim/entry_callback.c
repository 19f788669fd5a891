/* Entry points: setting and reading the application's callbacks. */
#include "drop.h"
#include "libssl.h"

/* A setter stores the callback for the trampoline; libssl's own field is for a detached context. */
#define SSC_CALLBACK(kind)                                                                         \
    SSC_EXPORT void SSL_CTX_sess_set_##kind##_cb(SSL_CTX *ctx, ssc_##kind##_cb cb)                 \
    {                                                                                              \
        SSC_ENTER(SSL_CTX_sess_set_##kind##_cb, ctx, cb);                                          \
        if (real == NULL || ctx == NULL)                                                           \
            return;                                                                                \
        struct ssc_ctx *rec = ssc_ctx_attach(ctx);                                                 \
        if (rec == NULL) {                                                                         \
            real->SSL_CTX_sess_set_##kind##_cb(ctx, cb);                                           \
            return;                                                                                \
        }                                                                                          \
        ssc_drop_settle(rec);                                                                      \
        atomic_store(&rec->kind##_cb, cb);                                                         \
        ssc_ctx_apply_capacity(rec);                                                               \
    }                                                                                              \
    SSC_EXPORT ssc_##kind##_cb SSL_CTX_sess_get_##kind##_cb(SSL_CTX *ctx)                          \
    {                                                                                              \
        SSC_ENTER(SSL_CTX_sess_get_##kind##_cb, ctx);                                              \
        if (real == NULL || ctx == NULL)                                                           \
            return NULL;                                                                           \
        struct ssc_ctx *rec = ssc_ctx_settings(ctx);                                               \
        return rec != NULL ? atomic_load(&rec->kind##_cb)                                          \
                           : real->SSL_CTX_sess_get_##kind##_cb(ctx);                              \
    }

SSC_CALLBACK(new)
SSC_CALLBACK(remove)
SSC_CALLBACK(get)
