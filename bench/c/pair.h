/*
 * pair.h: a TLS client and a server in one process, which talk through memory.
 */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

/*
 * pair_server makes a context of one version of TLS with a P-256 certificate,
 * without tickets that carry the session, and with libssl's cache for `size`
 * sessions.
 */
SSL_CTX *pair_server(int version, size_t size);

/* pair_client makes a client's context, which caches nothing. */
SSL_CTX *pair_client(int version);

/* pair_new makes two ends that are connected with each other. */
void pair_new(SSL_CTX *client_ctx, SSL_CTX *server_ctx, SSL **client, SSL **server);

/*
 * pair_handshake makes the handshake and lets the client read the tickets that
 * come after it. Returns the nanoseconds spent in the server's calls.
 */
uint64_t pair_handshake(SSL *client, SSL *server);

/*
 * pair_free frees both ends, as after a proper end of the connection: else libssl
 * takes it for a fault, and the session from the cache.
 */
void pair_free(SSL *client, SSL *server);

#endif
