/* lib_workers: a session of one worker resumes at each, and is counted where it was found. */
#include <stdbool.h>
#include <string.h>

#include "library.h"
#include "workers.h"

static SSL_CTX *server;

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(worker_client);
}

static void open_contexts(int version)
{
    server = server_context(version);
    worker_client = client_context(version);
    SSL_CTX_set_num_tickets(server, 1);
    workers_start(close_contexts);
}

static long attached(SSL_CTX *ctx, saved *session, long n)
{
    (void)session, (void)n;
    return library_attached(ctx);
}

/* What the makers of session IDs ask. */
static long matching(SSL_CTX *ctx, saved *session, long n)
{
    SSL_SESSION *named = server_session(session);
    SSL *ssl = SSL_new(ctx);
    unsigned int len;
    const unsigned char *id = SSL_SESSION_get_id(named, &len);
    const int found = SSL_has_matching_session_id(ssl, id, len);

    (void)n;
    SSL_free(ssl);
    SSL_SESSION_free(named);
    return found;
}

static void shared(int version)
{
    saved s = {0}, next;

    printf("-- made by one worker, found by all, version %x\n", (unsigned)version);
    open_contexts(version);
    TRACE(visit_at(A, server, &s));
    counters_at(A, server);
    counters_at(B, server);
    if (version == TLS1_3_VERSION) /* which an SSL has before its handshake */
        TRACE(at(B, matching, server, &s, 0));
    TRACE(offer_at(B, server, &s));
    counters_at(B, server);
    STEP("the second time it is in the worker's own table");
    TRACE(offer_at(B, server, &s));
    counters_at(B, server);
    TRACE(offer_at(C, server, &s));
    TRACE(offer_at(D, server, &s));
    counters_at(C, server);
    counters_at(D, server);
    STEP("the worker that made it needs no other");
    TRACE(offer_at(A, server, &s));
    counters_at(A, server);

    STEP("from worker to worker");
    next = s;
    TRACE(visit_at(B, server, &next));
    TRACE(visit_at(C, server, &next));
    TRACE(visit_at(D, server, &next));
    TRACE(visit_at(A, server, &next));
    resumes("the last", server, &next);
    resumes("the first", server, &s);

    STEP("what nobody has is a miss of one");
    TRACE(remove_at(A, server, &s));
    TRACE(offer_at(D, server, &s));
    counters_at(D, server);
    TRACE(at(D, attached, server, NULL, 0));
    workers_stop();
    close_contexts();
}

/* The nth of many sessions that differ in their IDs only. */
static SSL_SESSION *one_of_many(const saved *like, long n)
{
    SSL_SESSION *first = restore(like);
    SSL_SESSION *sess = SSL_SESSION_dup(first);
    unsigned char id[32] = {1};

    memcpy(id + 1, &n, sizeof n);
    SSL_SESSION_set1_id(sess, id, sizeof id);
    SSL_SESSION_free(first);
    return sess;
}

/* Adds n sessions; returns how many of them were stored. */
static long add_many(SSL_CTX *ctx, saved *session, long n)
{
    long stored = 0;

    for (long i = 0; i < n; i++) {
        SSL_SESSION *sess = one_of_many(session, i);
        stored += SSL_CTX_add_session(ctx, sess);
        SSL_SESSION_free(sess);
    }
    return stored;
}

/* How many of the n are found by their IDs. */
static long find_many(SSL_CTX *ctx, saved *session, long n)
{
    SSL *ssl = SSL_new(ctx);
    long found = 0;

    for (long i = 0; i < n; i++) {
        SSL_SESSION *sess = one_of_many(session, i);
        unsigned int len;
        const unsigned char *id = SSL_SESSION_get_id(sess, &len);
        found += SSL_has_matching_session_id(ssl, id, len);
        SSL_SESSION_free(sess);
    }
    SSL_free(ssl);
    return found;
}

/* One more, with data that no other worker can have. */
static long add_with_data(SSL_CTX *ctx, saved *session, long n)
{
    SSL_SESSION *sess = one_of_many(session, n);
    const int place = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL);

    REQUIRE(SSL_SESSION_set_ex_data(sess, place, "data"));
    const long stored = SSL_CTX_add_session(ctx, sess);
    SSL_SESSION_free(sess);
    return stored;
}

static long number(SSL_CTX *ctx, saved *session, long n)
{
    (void)session, (void)n;
    return SSL_CTX_sess_number(ctx);
}

static long full(SSL_CTX *ctx, saved *session, long n)
{
    (void)session, (void)n;
    return SSL_CTX_sess_cache_full(ctx);
}

/*
 * A worker's table has the newest; nothing is lost by that, and nobody told. It
 * has all if `alone` is set: a session that the others cannot have.
 */
static void many(void (*removed)(SSL_CTX *ctx, SSL_SESSION *sess), bool alone)
{
    saved s = {0};

    server = server_context(TLS1_3_VERSION);
    worker_client = client_context(TLS1_3_VERSION);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_sess_set_remove_cb(server, removed);
    workers_start(close_contexts);
    TRACE(visit_at(A, server, &s));
    if (alone)
        TRACE(at(A, add_with_data, server, &s, 3000));
    TRACE(at(A, add_many, server, &s, 3000));
    TRACE(at(A, number, server, NULL, 0));
    TRACE(at(A, full, server, NULL, 0));
    TRACE(at(A, find_many, server, &s, 3001));
    TRACE(at(B, find_many, server, &s, 3001));
    resumes("the first", server, &s);
    workers_stop();
    close_contexts();
}

static void nothing(SSL_CTX *ctx, SSL_SESSION *sess)
{
    (void)ctx, (void)sess;
}

int main(void)
{
    begin();
    shared(TLS1_2_VERSION);
    shared(TLS1_3_VERSION);
    STEP("more sessions than a worker keeps");
    many(NULL, false);
    STEP("more sessions than a worker keeps, one of which is its own");
    many(NULL, true);
    STEP("an application that wants to hear of each has all of them");
    many(nothing, false);
    return finish();
}
