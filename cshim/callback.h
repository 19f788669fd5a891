/*
 * callback.h: the only place where callbacks of the application run. No lock
 * of the shim and no frame of Go lies below them, so they may call the cache,
 * block, switch stacks, or leave by longjmp.
 */
#ifndef SSC_CALLBACK_H
#define SSC_CALLBACK_H

#include "ctx.h"

/* Each calls the application's callback, if there is one, and counts the call. */
int ssc_callback_new(struct ssc_ctx *rec, SSL *ssl, SSL_SESSION *sess);
void ssc_callback_remove(struct ssc_ctx *rec, SSL_SESSION *sess);
SSL_SESSION *ssc_callback_get(struct ssc_ctx *rec, SSL *ssl, const unsigned char *id, int len,
                              int *copy);

#endif
