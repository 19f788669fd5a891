#include "callback.h"

#include "process.h"

int ssc_callback_new(struct ssc_ctx *rec, SSL *ssl, SSL_SESSION *sess)
{
    const ssc_new_cb cb = atomic_load_explicit(&rec->new_cb, memory_order_acquire);

    if (cb == NULL)
        return 0;
    ssc_count(app_new, 1);
    return cb(ssl, sess);
}

void ssc_callback_remove(struct ssc_ctx *rec, SSL_SESSION *sess)
{
    const ssc_remove_cb cb = atomic_load_explicit(&rec->remove_cb, memory_order_acquire);

    if (cb == NULL)
        return;
    ssc_count(app_remove, 1);
    cb(rec->ctx, sess);
}

SSL_SESSION *ssc_callback_get(struct ssc_ctx *rec, SSL *ssl, const unsigned char *id, int len,
                              int *copy)
{
    const ssc_get_cb cb = atomic_load_explicit(&rec->get_cb, memory_order_acquire);

    if (cb == NULL)
        return NULL;
    ssc_count(app_lookups, 1);
    return cb(ssl, id, len, copy);
}
