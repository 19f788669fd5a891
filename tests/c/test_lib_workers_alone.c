// env: SESSCACHE_SHARED_SIZE=0
/* lib_workers_alone: without shared memory each worker has its own sessions only. */
#include "library.h"
#include "workers.h"

static SSL_CTX *server;

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(worker_client);
}

static void open_contexts(int version, unsigned int early)
{
    server = server_context(version);
    worker_client = client_context(version);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_set_max_early_data(server, early);
    workers_start(close_contexts);
}

static long attached(SSL_CTX *ctx, saved *session, long n)
{
    (void)session, (void)n;
    return library_attached(ctx);
}

static void alone(int version)
{
    saved s = {0};

    printf("-- version %x\n", (unsigned)version);
    open_contexts(version, 0);
    TRACE(visit_at(A, server, &s));
    resumes("made by A", server, &s);
    TRACE(at(B, attached, server, NULL, 0));
    TRACE(remove_at(B, server, &s));
    flush_at(B, server, 0);
    resumes("removed by B", server, &s);
    TRACE(remove_at(A, server, &s));
    resumes("removed by A", server, &s);
    counters_at(A, server);
    counters_at(B, server);
    workers_stop();
    close_contexts();
}

static void early_data(void)
{
    saved s = {0};

    STEP("early data");
    open_contexts(TLS1_3_VERSION, 100);
    TRACE(visit_at(A, server, &s));
    TRACE(early_at(B, server, &s));
    TRACE(early_at(A, server, &s));
    TRACE(early_at(A, server, &s));
    workers_stop();
    close_contexts();
}

int main(void)
{
    begin();
    alone(TLS1_2_VERSION);
    alone(TLS1_3_VERSION);
    early_data();
    return finish();
}
