/*
 * external.h: the cache that an application usually keeps behind libssl's
 * callbacks: one mutex, a hash table, sessions in DER.
 */
#ifndef BENCH_EXTERNAL_H
#define BENCH_EXTERNAL_H

#include <openssl/ssl.h>

/*
 * external_attach gives a context a cache of at most `size` sessions, the oldest
 * of which makes room for the next, and sets the three callbacks and
 * SSL_SESS_CACHE_NO_INTERNAL. It serves one context of the process.
 */
void external_attach(SSL_CTX *ctx, size_t size);

/* external_add stores a session as the callback of a new one does. */
void external_add(SSL_SESSION *sess);

/* external_number is how many sessions the cache holds. */
size_t external_number(void);

#endif
