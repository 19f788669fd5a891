/*
 * tlsload.h: what the files of tlsload share. tlsload is a TLS client that
 * loads a server with full and resumed handshakes and counts which is which.
 * It uses libssl's public API only (1.1.1 to 4.0).
 */
#ifndef TLSLOAD_H
#define TLSLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

/* The two protocol versions, as index of arrays. */
enum { TLS12, TLS13, TLS_VERSIONS };

/* What the command line says. */
struct options {
    const char *connect; /* as given, for messages */
    struct sockaddr_storage address;
    socklen_t address_len;
    long connections;
    int threads;
    bool tls[TLS_VERSIONS];
    int resume_percent;
    bool sequence;
    bool progress;
    bool help;
    double timeout; /* seconds for one connection, all of it */
    const char *sni;
    char *request; /* escapes resolved */
    size_t request_len;
    const char *says;
    const char *cipher;
    const char *client_cert;
    const char *client_key;
};

/*
 * Fills `options` from the command line. Returns false if it is wrong, with a
 * message on stderr, or if it asks for help.
 */
bool options_parse(struct options *options, int argc, char **argv);
void options_free(struct options *options);
void options_usage(FILE *out);

/*
 * A pool of the sessions one thread holds, one list for each version. It owns
 * one reference to each. When it is full, the oldest makes room.
 */
#define POOL_MAX 64
struct pool {
    SSL_SESSION *session[TLS_VERSIONS][POOL_MAX];
    int len[TLS_VERSIONS];
};

void pool_put(struct pool *pool, int version, SSL_SESSION *session); /* takes over the reference */
SSL_SESSION *pool_take(struct pool *pool, int version, uint32_t random); /* NULL if empty */
SSL_SESSION *pool_take_newest(struct pool *pool, int version);           /* NULL if empty */
void pool_clear(struct pool *pool);

/* What became of one connection. */
struct outcome {
    bool failed;
    bool offered; /* the client offered a session */
    bool resumed;
    bool said; /* the answer has the text of --says */
    uint32_t handshake_us;
    char reason[128]; /* of the failure */
};

/* A client: the state of one thread. */
struct client {
    const struct options *options;
    SSL_CTX *ctx[TLS_VERSIONS];
    struct pool pool;
    char *answer; /* buffer for one answer */
    uint64_t random;
};

bool client_init(struct client *client, const struct options *options, int number);
void client_free(struct client *client);
uint32_t client_random(struct client *client);

/* Makes one connection, with a session if `session` is not NULL (takes over the reference). */
void client_connect(struct client *client, int version, SSL_SESSION *session,
                    struct outcome *outcome);

/* The sums over all connections; safe to use from all threads. */
struct report;
struct report *report_new(long connections, bool histories);
void report_free(struct report *report);
void report_add(struct report *report, int version, const struct outcome *outcome);
long report_failed(struct report *report);
void report_progress(struct report *report, double seconds, bool last);
void report_print(struct report *report, double seconds); /* JSON on stdout */

/* Seconds of the monotonic clock. */
double now_seconds(void);

#endif
