/* lib_workers_clients: the sessions of clients are not shared, nor found by servers. */
#include "workers.h"

static SSL_CTX *server; /* shares nothing itself */
static SSL_CTX *both;   /* client and server; its certificate is that of `server` */

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(both);
}

static void open_contexts(int version)
{
    server = server_context(version);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    both = SSL_CTX_new(TLS_method());
    REQUIRE(both != NULL);
    REQUIRE(SSL_CTX_set_min_proto_version(both, version) == 1);
    REQUIRE(SSL_CTX_set_max_proto_version(both, version) == 1);
    use_certificate(both);
    SSL_CTX_set_options(both, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(both, 1);
    worker_client = both;
}

static long number(SSL_CTX *ctx, saved *session, long n)
{
    (void)session, (void)n;
    return SSL_CTX_sess_number(ctx);
}

static long add(SSL_CTX *ctx, saved *session, long n)
{
    SSL_SESSION *made = restore(session);
    const int added = SSL_CTX_add_session(ctx, made);

    (void)n;
    SSL_SESSION_free(made);
    return added;
}

static void of_client(const char *name, int version, long mode)
{
    saved s = {0};

    printf("-- mode %s, version %x\n", name, (unsigned)version);
    open_contexts(version);
    SSL_CTX_set_session_cache_mode(both, mode);
    workers_start(close_contexts);
    TRACE(visit_at(A, server, &s));
    TRACE(at(A, number, both, NULL, 0));
    TRACE(offer_at(B, both, &s));
    TRACE(remove_at(C, both, &s));
    if (mode == SSL_SESS_CACHE_CLIENT) {
        STEP("added by the application");
        TRACE(at(A, add, both, &s, 0));
        TRACE(offer_at(B, both, &s));
        TRACE(remove_at(C, both, &s));
    }
    workers_stop();
    close_contexts();
}

static long threads(SSL_CTX *ctx, saved *session, long n)
{
    (void)ctx, (void)session, (void)n;
    return thread_count();
}

/* Contexts say SERVER of themselves, those of clients too. */
static void need_no_core(int version)
{
    saved s = {0};

    printf("-- a worker that is a client only, version %x\n", (unsigned)version);
    open_contexts(version);
    workers_start(close_contexts);
    TRACE(visit_at(A, server, &s));
    TRACE(visit_at(A, server, &s));
    TRACE(at(A, threads, NULL, NULL, 0));
    TRACE(open_at(A, server, &s));
    close_at(A, DROPPED);
    TRACE(at(A, threads, NULL, NULL, 0));
    TRACE(open_at(A, server, &s));
    close_at(A, FATAL_RECEIVED);
    TRACE(at(A, threads, NULL, NULL, 0));
    workers_stop();
    close_contexts();
}

int main(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    int i;

    begin();
    for (i = 0; i < 2; i++) {
        of_client("CLIENT", versions[i], SSL_SESS_CACHE_CLIENT);
        of_client("BOTH", versions[i], SSL_SESS_CACHE_BOTH);
        need_no_core(versions[i]);
    }
    return finish();
}
