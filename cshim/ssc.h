/* ssc.h: what every file of the shim shares. */
#ifndef SSC_SSC_H
#define SSC_SSC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openssl_sess.h"

#define SSC_VERSION "0.1.0"

/* Marks the functions that applications and libssl find by name; cshim/exports.list has them all. */
#define SSC_EXPORT __attribute__((visibility("default")))

#define ssc_likely(x) __builtin_expect(!!(x), 1)
#define ssc_unlikely(x) __builtin_expect(!!(x), 0)

typedef int (*ssc_new_cb)(SSL *ssl, SSL_SESSION *sess);
typedef void (*ssc_remove_cb)(SSL_CTX *ctx, SSL_SESSION *sess);
typedef SSL_SESSION *(*ssc_get_cb)(SSL *ssl, const unsigned char *id, int len, int *copy);

#endif
