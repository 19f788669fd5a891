/*
 * harness.h: what the conformance programs share.
 *
 * A program uses only the public API of OpenSSL. It prints what it calls and
 * what came back, and runs unchanged on stock libssl and with libsesscache in
 * front; both outputs must be equal, line by line. So nothing printed may
 * depend on a pointer, on random bytes, or on the time of day:
 *
 *   sessions   are printed as names: the one they were made with, or S1, S2...
 *              in the order in which the program first saw their IDs
 *   the clock  stands still (time() is the program's own); advance() moves it
 *   callbacks  write into one ordered log, printed by print_log() as one line
 */
#ifndef TESTS_C_HARNESS_H
#define TESTS_C_HARNESS_H

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * What OpenSSL 1.1.1 lacks of what the programs use: functions stand for their
 * nearest relatives, or fail. The rest of the programs is the same on every line.
 */
#if OPENSSL_VERSION_NUMBER < 0x30000000L
#define SSL_SESS_CACHE_UPDATE_TIME 0x0400
#define SSL_OP_ALLOW_CLIENT_RENEGOTIATION 0 /* it is allowed */
#define SSL_CTX_new_ex(libctx, properties, method) SSL_CTX_new(method)
#define SSL_new_session_ticket(ssl) ((void)(ssl), 0)
#define ERR_raise(lib, reason) ERR_put_error(lib, 0, reason, __FILE__, __LINE__)
#endif

/* TRACE prints an expression and its integer value. */
#define TRACE(expr) printf("%s = %ld\n", #expr, (long)(expr))

/* RUN prints a statement and runs it. */
#define RUN(stmt)                                                                                  \
    do {                                                                                           \
        printf("%s\n", #stmt);                                                                     \
        stmt;                                                                                      \
    } while (0)

/* REQUIRE ends the program if what the test itself relies on fails. */
#define REQUIRE(expr)                                                                              \
    do {                                                                                           \
        if (!(expr))                                                                               \
            fail_require(#expr, __FILE__, __LINE__);                                               \
    } while (0)

/* STEP prints a heading. */
#define STEP(text) printf("-- %s\n", text)

void fail_require(const char *expr, const char *file, int line);

/*
 * begin arms an alarm, so that a hang ends the program, and starts counting
 * sessions; call it before any other OpenSSL function, but for what must run
 * first. finish prints how many sessions were never freed and returns the exit
 * status.
 */
void begin(void);
int finish(void);

/* guard arms the alarm again: for a child, which does not inherit it. */
void guard(void);

/* The clock that libssl and the library see. It starts at EPOCH and stands still. */
#define EPOCH 1700000000L
void set_clock(long t);
void advance(long seconds);

/* Sessions that exist, and that were ever made, in this process, by whomever. */
long sessions_alive(void);
long sessions_made(void);

/*
 * make_session makes a session by hand: its ID is `name`, padded with zeros to
 * 32 bytes, its protocol version `version`. The caller owns the one reference.
 */
SSL_SESSION *make_session(const char *name, int version);

/* session_name is the name of the session's ID. id_name is that of an ID. */
const char *session_name(const SSL_SESSION *sess);
const char *id_name(const unsigned char *id, unsigned int len);

/* forget_names starts the numbering of IDs again, so that parts of a program stand alone. */
void forget_names(void);

/* cached is 1 if the context has the TLS 1.3 session that make_session named so. */
int cached(SSL_CTX *ctx, const char *name);

/* note adds an entry to the log; print_log prints the log on one line and empties it. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_log(void);

/*
 * Contexts that accept `version` only (TLS1_VERSION to TLS1_3_VERSION, or
 * DTLS1_VERSION, DTLS1_2_VERSION; 0: TLS 1.0 to 1.3). The server has a
 * certificate and SSL_OP_NO_TICKET, so that sessions live in caches.
 */
SSL_CTX *server_context(int version);
SSL_CTX *client_context(int version);

/* A context without certificate, for sessions made by hand. */
SSL_CTX *plain_context(void);

/* Gives a context the certificate and key of this process. */
void use_certificate(SSL_CTX *ctx);

/* Drops the certificate and key of this process; finish does it. */
void free_certificate(void);

/* Two ends of one connection in this process. */
typedef struct pair {
    SSL *client;
    SSL *server;
} pair;

/* pair_new makes both ends; the client offers `resume` if it is not NULL. */
pair pair_new(SSL_CTX *server, SSL_CTX *client, SSL_SESSION *resume);

/* handshake runs both ends, and what follows in TLS 1.3: 1, or 0 if it failed. */
int handshake(pair *p);

/* handshake_step goes on with one end: 1 done, 0 needs the other end, -1 failed. */
int handshake_step(SSL *ssl);

/* exchange sends one byte in each direction, and so delivers what is under way. */
void exchange(pair *p);

/* pair_close ends a connection with close_notify both ways; pair_drop without any. */
void pair_close(pair *p);
void pair_drop(pair *p);

/* What visit and offer return. */
#define FAILED (-1)
#define FULL 0
#define RESUMED 1

/*
 * visit connects, offering *session if it is not NULL, and closes. It stores
 * the client's session, which the caller owns, in *session in place of the old
 * one. offer connects and closes likewise, and changes nothing of `session`.
 */
int visit(SSL_CTX *server, SSL_CTX *client, SSL_SESSION **session);
int offer(SSL_CTX *server, SSL_CTX *client, SSL_SESSION *session);

/*
 * The sessions that keep_new kept, by ID: an external cache. store_find finds
 * one (no reference is added), store_put adds one (takes a reference),
 * store_clear gives all references back and returns how many they were.
 */
SSL_SESSION *store_find(const unsigned char *id, unsigned int len);
void store_put(SSL_SESSION *sess);
int store_clear(void);

/* Callbacks. All write to the log. */
int keep_new(SSL *ssl, SSL_SESSION *sess);   /* keeps the reference in the store: 1 */
int refuse_new(SSL *ssl, SSL_SESSION *sess); /* 0 */
void log_remove(SSL_CTX *ctx, SSL_SESSION *sess);
SSL_SESSION *miss_get(SSL *ssl, const unsigned char *id, int len, int *copy); /* NULL */
SSL_SESSION *store_get(SSL *ssl, const unsigned char *id, int len, int *copy);

/* What store_get does with *copy: leave it, or store 0 (handing over a reference) or 1. */
#define COPY_UNTOUCHED (-1)
extern int store_get_copy;

/* Value of *copy that the last store_get or miss_get found on entry. */
extern int copy_on_entry;

/* Prints all twelve counters of a context on one line. */
void print_counters(const char *title, SSL_CTX *ctx);

/* Threads of this process. */
int thread_count(void);

#endif
