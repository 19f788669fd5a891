/* lib_workers_end: what a worker shared outlives its contexts and itself, however it ends. */
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
    SSL_CTX_sess_set_remove_cb(server, log_remove);
}

/* The worker tells its application of the sessions that go with the context. */
static long free_context(SSL_CTX *ctx, saved *session, long n)
{
    (void)session, (void)n;
    SSL_CTX_free(ctx);
    server = NULL;
    forget_names();
    print_log();
    return 0;
}

static void context_freed(int version)
{
    saved made = {0}, found = {0};

    printf("-- SSL_CTX_free, version %x\n", (unsigned)version);
    open_contexts(version);
    workers_start(close_contexts);
    TRACE(visit_at(A, server, &found));
    TRACE(offer_at(B, server, &found));
    TRACE(visit_at(B, server, &made));
    TRACE(offer_at(A, server, &made));
    TRACE(at(B, free_context, server, NULL, 0));
    leave(B, LEAVES_FREEING);
    resumes("found by B", server, &found);
    resumes("made by B", server, &made);
    workers_stop();
    close_contexts();
}

static void left(const char *name, int version, enum leaving how)
{
    saved made = {0}, found = {0}, opened = {0};

    printf("-- %s, version %x\n", name, (unsigned)version);
    open_contexts(version);
    workers_start(close_contexts);
    TRACE(visit_at(A, server, &found));
    TRACE(visit_at(B, server, &made));
    TRACE(offer_at(B, server, &found));
    TRACE(offer_at(C, server, &made));
    TRACE(open_at(B, server, &opened));
    if (how == LEAVES_FREEING)
        close_at(B, CLEAN);
    leave(B, how);
    resumes("found by B", server, &found);
    resumes("made by B", server, &made);
    resumes("open at B", server, &opened);
    leave(A, how);
    resumes("made by A", server, &found);
    workers_stop();
    close_contexts();
}

/* Sessions for early data are also in libssl's own table, which it empties itself. */
static void early_data(const char *name, enum leaving how)
{
    saved made = {0}, other = {0};

    printf("-- %s with sessions for early data\n", name);
    open_contexts(TLS1_3_VERSION);
    SSL_CTX_set_max_early_data(server, 100);
    workers_start(close_contexts);
    TRACE(visit_at(B, server, &made));
    TRACE(visit_at(A, server, &other));
    leave(B, how);
    TRACE(early_at(C, server, &made));
    leave(A, how);
    TRACE(offer_at(D, server, &other));
    workers_stop();
    close_contexts();
}

int main(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    int i;

    begin();
    for (i = 0; i < 2; i++) {
        context_freed(versions[i]);
        left("exit after SSL_CTX_free", versions[i], LEAVES_FREEING);
        left("exit", versions[i], LEAVES_AS_IS);
        left("SIGKILL", versions[i], LEAVES_KILLED);
    }
    early_data("exit after SSL_CTX_free", LEAVES_FREEING);
    early_data("SIGKILL", LEAVES_KILLED);
    return finish();
}
