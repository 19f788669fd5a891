/*
 * lib_workers_replay: a session is good for early data once among all workers;
 * whoever offers it again makes a full handshake.
 */
#include "workers.h"

#include <stdatomic.h>

/* Races over whole connections; lib_workers_races has more of them over less. */
#define RACES 200

static SSL_CTX *server;
static atomic_int *accepted; /* by race; shared */
static saved *offered;       /* by race; shared */

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(worker_client);
}

static void open_contexts(uint64_t options)
{
    server = server_context(TLS1_3_VERSION);
    worker_client = client_context(TLS1_3_VERSION);
    SSL_CTX_clear_options(server, SSL_OP_NO_TICKET);
    SSL_CTX_set_options(server, options);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_set_max_early_data(server, 100);
    workers_start(close_contexts);
}

static void end_contexts(void)
{
    workers_stop();
    close_contexts();
}

static void accepted_once(void)
{
    saved s = {0};

    STEP("accepted by another worker than the one that made it, and then by none");
    TRACE(visit_at(A, server, &s));
    TRACE(early_at(B, server, &s));
    TRACE(early_at(B, server, &s));
    TRACE(early_at(C, server, &s));
    TRACE(early_at(A, server, &s));
    resumes("spent", server, &s);

    STEP("accepted by the worker that made it");
    s = (saved){0};
    TRACE(visit_at(A, server, &s));
    TRACE(early_at(A, server, &s));
    TRACE(early_at(A, server, &s));
    TRACE(early_at(D, server, &s));
    resumes("spent", server, &s);

    STEP("resumption without early data spends it too");
    s = (saved){0};
    TRACE(visit_at(A, server, &s));
    TRACE(offer_at(C, server, &s));
    TRACE(early_at(A, server, &s));
    TRACE(early_at(C, server, &s));
    TRACE(early_at(B, server, &s));

    STEP("each connection has a session for the next one");
    s = (saved){0};
    TRACE(visit_at(A, server, &s));
    TRACE(visit_at(B, server, &s));
    TRACE(visit_at(C, server, &s));
    TRACE(early_at(A, server, &s));
    TRACE(early_at(C, server, &s));
}

static void removed(void)
{
    saved s = {0};

    STEP("removed by a worker");
    TRACE(visit_at(A, server, &s));
    TRACE(remove_at(B, server, &s));
    TRACE(early_at(A, server, &s));
    TRACE(early_at(C, server, &s));

    STEP("flushed by a worker");
    s = (saved){0};
    TRACE(visit_at(A, server, &s));
    flush_at(B, server, 0);
    TRACE(early_at(A, server, &s));
    TRACE(early_at(C, server, &s));

    STEP("the worker that spent it is killed");
    s = (saved){0};
    TRACE(visit_at(A, server, &s));
    TRACE(early_at(D, server, &s));
    leave(D, LEAVES_KILLED);
    TRACE(early_at(A, server, &s));
    TRACE(early_at(C, server, &s));
}

/* Data of the application's own, which no other worker can have. */
static int with_data(SSL *ssl, SSL_SESSION *sess)
{
    static int place = -1;

    (void)ssl;
    if (place < 0)
        place = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    SSL_SESSION_set_ex_data(sess, place, "data");
    SSL_SESSION_free(sess);
    return 1;
}

static long carry_data(SSL_CTX *ctx, saved *session, long n)
{
    (void)session, (void)n;
    SSL_CTX_sess_set_new_cb(ctx, with_data);
    return 0;
}

static void not_shared(void)
{
    saved s = {0};

    STEP("a session that its worker does not share is spent there");
    at(A, carry_data, server, NULL, 0);
    TRACE(visit_at(A, server, &s));
    TRACE(early_at(B, server, &s));
    TRACE(early_at(A, server, &s));
    TRACE(early_at(A, server, &s));
}

/* The workers take turns in making a session, which all of them are offered at once. */
static long race(SSL_CTX *ctx, saved *session, long races)
{
    long result;
    long i;

    (void)session;
    for (i = 0; i < races; i++) {
        if (i % WORKERS == this_worker())
            REQUIRE(visit_task(ctx, &offered[i], 0) == FULL);
        meet();
        result = early_task(ctx, &offered[i], 0);
        REQUIRE(result == EARLY || result == FULL);
        if (result == EARLY)
            atomic_fetch_add(&accepted[i], 1);
    }
    return 0;
}

static void races(void)
{
    long results[WORKERS];
    int once = 0;
    int i;

    STEP("offered to all workers at once");
    at_all(race, server, NULL, RACES, results);
    for (i = 0; i < RACES; i++)
        once += accepted[i] == 1;
    TRACE(once == RACES);
    if (once != RACES)
        TRACE(once);
}

/* The application says that it copes with replays. */
static void replays_allowed(void)
{
    saved s = {0};

    STEP("without anti-replay a session is good for early data at each worker");
    open_contexts(SSL_OP_NO_ANTI_REPLAY | SSL_OP_NO_TICKET);
    TRACE(visit_at(A, server, &s));
    TRACE(early_at(B, server, &s));
    TRACE(early_at(C, server, &s));
    TRACE(early_at(A, server, &s));
    TRACE(early_at(B, server, &s));
    TRACE(remove_at(D, server, &s));
    TRACE(early_at(B, server, &s));
    end_contexts();
}

int main(void)
{
    begin();
    accepted = shared_memory(RACES * sizeof(*accepted));
    offered = shared_memory(RACES * sizeof(*offered));
    open_contexts(0);
    accepted_once();
    races();
    removed();
    end_contexts();
    open_contexts(SSL_OP_NO_TICKET);
    accepted_once();
    not_shared();
    end_contexts();
    replays_allowed();
    return finish();
}
