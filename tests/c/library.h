/* library.h: the library's own functions, found at run time; library-only programs use them. */
#ifndef TESTS_C_LIBRARY_H
#define TESTS_C_LIBRARY_H

#include "harness.h"
#include "openssl_sess.h"

const char *library_version(void);
int library_attached(SSL_CTX *ctx);
int library_share(SSL_CTX *dst, SSL_CTX *src);
int library_stats(SSL_CTX *ctx, sesscache_stats *stats, size_t size);

/* print_stats prints what the core counted for a context, on one line. */
void print_stats(SSL_CTX *ctx);

#endif
