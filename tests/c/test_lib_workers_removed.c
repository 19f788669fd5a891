/*
 * lib_workers_removed: what one worker removes is gone for each, also for those
 * that have it in their own table. Other sessions stay.
 */
#include "workers.h"

/* Lifetimes, in seconds. */
#define SHORT 100
#define LONG 5000

static SSL_CTX *server, *neighbour;
static const char *const endings[] = {"a clean end", "an unclean end", "a fatal alert received",
                                      "a fatal alert sent"};

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(neighbour);
    SSL_CTX_free(worker_client);
}

/* Sessions live as long as the worker's `lifetime` says, though their tickets promise LONG. */
static long lifetime = LONG;

static int limit_life(SSL *ssl, SSL_SESSION *sess)
{
    (void)ssl;
    SSL_SESSION_set_timeout(sess, lifetime);
    SSL_SESSION_free(sess);
    return 1;
}

static void open_contexts(int version)
{
    server = server_context(version);
    neighbour = server_context(version);
    worker_client = client_context(version);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_set_num_tickets(neighbour, 1);
    SSL_CTX_set_timeout(server, LONG);
    SSL_CTX_sess_set_new_cb(server, limit_life);
    SSL_CTX_set_session_id_context(neighbour, (const unsigned char *)"other", 5);
    workers_start(close_contexts);
}

static long set_lifetime(SSL_CTX *ctx, saved *session, long seconds)
{
    (void)ctx, (void)session;
    lifetime = seconds;
    return 0;
}

/* A session of A that C has in its table too, and another. */
static void two_sessions(saved *s, saved *other)
{
    *s = *other = (saved){0};
    REQUIRE(visit_at(A, server, s) == FULL);
    REQUIRE(offer_at(C, server, s) == RESUMED);
    REQUIRE(visit_at(A, server, other) == FULL);
    REQUIRE(offer_at(C, server, other) == RESUMED);
}

static void removed_by_application(void)
{
    saved s, other;

    STEP("SSL_CTX_remove_session by a worker that has not seen it");
    two_sessions(&s, &other);
    TRACE(remove_at(B, server, &s));
    resumes("removed", server, &s);
    resumes("other", server, &other);
    TRACE(remove_at(B, server, &s));
    TRACE(remove_at(A, server, &s));

    STEP("SSL_CTX_remove_session by a worker that resumed it");
    two_sessions(&s, &other);
    TRACE(offer_at(B, server, &s));
    TRACE(remove_at(B, server, &s));
    resumes("removed", server, &s);
    resumes("other", server, &other);

    STEP("SSL_CTX_remove_session by the worker that made it");
    two_sessions(&s, &other);
    TRACE(remove_at(A, server, &s));
    resumes("removed", server, &s);
    resumes("other", server, &other);

    STEP("a context of another name removes nothing");
    two_sessions(&s, &other);
    TRACE(remove_at(A, neighbour, &s));
    TRACE(remove_at(B, neighbour, &s));
    resumes("not removed", server, &s);
}

/* The worker's connection made the session, and it resumed elsewhere before its end. */
static void ended_where_made(enum ending how)
{
    saved s = {0}, other = {0};

    printf("-- %s of the connection that made it\n", endings[how]);
    TRACE(visit_at(B, server, &other));
    TRACE(open_at(B, server, &s));
    TRACE(offer_at(A, server, &s));
    TRACE(offer_at(C, server, &s));
    close_at(B, how);
    resumes("ended", server, &s);
    resumes("other", server, &other);
}

/* In TLS 1.3 a connection that resumed has a new session, which is what is removed. */
static void ended_where_resumed(enum ending how)
{
    saved s, other, of_connection;

    printf("-- %s of a connection that resumed it\n", endings[how]);
    two_sessions(&s, &other);
    of_connection = s;
    TRACE(open_at(B, server, &of_connection));
    TRACE(offer_at(D, server, &of_connection));
    close_at(B, how);
    resumes("ended", server, &of_connection);
    resumes("other", server, &other);
}

static long timeouts(SSL_CTX *ctx, saved *session, long n)
{
    (void)session, (void)n;
    return SSL_CTX_sess_timeouts(ctx);
}

/* The clock of one worker goes ahead of the others', to which the session is still good. */
static void expired_for_one(void)
{
    saved s, other;

    STEP("expired when one worker looked it up");
    at(A, set_lifetime, NULL, NULL, SHORT);
    two_sessions(&s, &other);
    at(A, set_lifetime, NULL, NULL, LONG);
    other = (saved){0};
    TRACE(visit_at(A, server, &other));
    TRACE(offer_at(B, server, &s));
    advance_at(B, SHORT + 1);
    TRACE(offer_at(B, server, &s));
    TRACE(at(B, timeouts, server, NULL, 0));
    resumes("expired", server, &s);
    resumes("other", server, &other);
}

static void expired_for_all(void)
{
    saved s, other = {0};

    STEP("expired for all");
    TRACE(visit_at(A, server, &other));
    at(A, set_lifetime, NULL, NULL, SHORT);
    s = (saved){0};
    TRACE(visit_at(A, server, &s));
    at(A, set_lifetime, NULL, NULL, LONG);
    advance_all(SHORT);
    TRACE(offer_at(C, server, &s));
    TRACE(offer_at(A, server, &s));
    advance_all(1);
    resumes("expired", server, &s);
    resumes("other", server, &other);
}

static void flushed(void)
{
    saved s, other, next = {0}, neighbours = {0};

    STEP("SSL_CTX_flush_sessions of all");
    two_sessions(&s, &other);
    TRACE(visit_at(A, neighbour, &neighbours));
    flush_at(B, server, 0);
    resumes("flushed", server, &s);
    resumes("flushed", server, &other);
    resumes("of another name", neighbour, &neighbours);
    STEP("what comes after it stays");
    TRACE(visit_at(A, server, &next));
    resumes("new", server, &next);

    STEP("SSL_CTX_flush_sessions of what expires soon");
    two_sessions(&s, &other);
    at(A, set_lifetime, NULL, NULL, SHORT);
    next = (saved){0};
    TRACE(visit_at(A, server, &next));
    at(A, set_lifetime, NULL, NULL, LONG);
    TRACE(offer_at(C, server, &next));
    flush_at(B, server, EPOCH + SHORT);
    resumes("not yet", server, &next);
    flush_at(B, server, EPOCH + SHORT + 1);
    resumes("flushed", server, &next);
    resumes("expires later", server, &s);

    STEP("SSL_CTX_flush_sessions of what has expired");
    flush_at(D, server, EPOCH);
    resumes("alive", server, &s);
}

static void round_of(int version)
{
    enum ending how;

    printf("-- version %x\n", (unsigned)version);
    open_contexts(version);
    removed_by_application();
    for (how = CLEAN; how <= FATAL_SENT; how++) {
        ended_where_made(how);
        ended_where_resumed(how);
    }
    flushed();
    /* A TLS 1.3 server does not remove what it finds expired. */
    if (version == TLS1_2_VERSION)
        expired_for_one();
    workers_stop();
    workers_start(close_contexts);
    expired_for_all();
    workers_stop();
    close_contexts();
}

int main(void)
{
    begin();
    round_of(TLS1_2_VERSION);
    round_of(TLS1_3_VERSION);
    return finish();
}
