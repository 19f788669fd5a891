/* lib_workers: a session of one worker resumes at each, and is counted where it was found. */
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

int main(void)
{
    begin();
    shared(TLS1_2_VERSION);
    shared(TLS1_3_VERSION);
    return finish();
}
