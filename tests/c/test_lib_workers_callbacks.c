/* lib_workers_callbacks: what the application's callbacks have to say about sharing. */
#include "workers.h"

static SSL_CTX *server;

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(worker_client);
    store_clear();
}

static void open_contexts(int version, int (*new_cb)(SSL *, SSL_SESSION *))
{
    server = server_context(version);
    worker_client = client_context(version);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_sess_set_new_cb(server, new_cb);
    workers_start(close_contexts);
}

static void end_contexts(void)
{
    workers_stop();
    close_contexts();
}

static int remove_new(SSL *ssl, SSL_SESSION *sess)
{
    REQUIRE(SSL_CTX_remove_session(SSL_get_SSL_CTX(ssl), sess) == 1);
    SSL_SESSION_free(sess);
    return 1;
}

/* Data that no other worker can have. */
static int data_new(SSL *ssl, SSL_SESSION *sess)
{
    static int place = -1;

    (void)ssl;
    if (place < 0)
        place = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    SSL_SESSION_set_ex_data(sess, place, "data");
    SSL_SESSION_free(sess);
    return 1;
}

static void of_new(const char *name, int version, int (*new_cb)(SSL *, SSL_SESSION *))
{
    saved s = {0};

    printf("-- %s, version %x\n", name, (unsigned)version);
    open_contexts(version, new_cb);
    TRACE(visit_at(A, server, &s));
    resumes("made by A", server, &s);
    counters_at(A, server);
    counters_at(B, server);
    TRACE(remove_at(C, server, &s));
    resumes("removed", server, &s);
    end_contexts();
}

static long set_mode(SSL_CTX *ctx, saved *session, long mode)
{
    (void)session;
    SSL_CTX_set_session_cache_mode(ctx, mode);
    return 0;
}

static long set_get(SSL_CTX *ctx, saved *session, long n)
{
    (void)session, (void)n;
    SSL_CTX_sess_set_get_cb(ctx, store_get);
    return 0;
}

static long show_log(SSL_CTX *ctx, saved *session, long n)
{
    (void)ctx, (void)session, (void)n;
    forget_names();
    print_log();
    return 0;
}

/* A keeps sessions for itself at first. B asks for them, and finds them only later. */
static void from_application(int version, long mode)
{
    saved s = {0};

    printf("-- found by the application's get callback, mode %lx, version %x\n",
           (unsigned long)mode, (unsigned)version);
    open_contexts(version, keep_new);
    at(A, set_mode, server, NULL, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    TRACE(visit_at(A, server, &s));
    resumes("nobody has it", server, &s);
    at(A, set_mode, server, NULL, mode);
    at(A, set_get, server, NULL, 0);
    TRACE(offer_at(A, server, &s));
    counters_at(A, server);
    resumes("shared", server, &s);
    at(A, show_log, NULL, NULL, 0);
    end_contexts();
}

/* Each place is asked only if those before it have nothing. */
static void order(int version)
{
    saved s = {0}, unknown = {0};

    printf("-- the application is asked last, version %x\n", (unsigned)version);
    open_contexts(version, NULL);
    TRACE(visit_at(A, server, &unknown));
    TRACE(remove_at(A, server, &unknown));
    TRACE(visit_at(A, server, &s));
    at(B, set_get, server, NULL, 0);
    TRACE(offer_at(B, server, &s));
    at(B, show_log, NULL, NULL, 0);
    TRACE(offer_at(B, server, &s));
    at(B, show_log, NULL, NULL, 0);
    TRACE(offer_at(B, server, &unknown));
    at(B, show_log, NULL, NULL, 0);
    end_contexts();
}

static long log_removals(SSL_CTX *ctx, saved *session, long n)
{
    (void)session, (void)n;
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    return 0;
}

/* Each worker hears of what goes from the table that its application knows. */
static void removals(int version)
{
    saved s = {0};
    int w;

    printf("-- the remove callback, version %x\n", (unsigned)version);
    open_contexts(version, NULL);
    for (w = A; w < WORKERS; w++)
        at(w, log_removals, server, NULL, 0);
    TRACE(visit_at(A, server, &s));
    TRACE(offer_at(B, server, &s));
    TRACE(remove_at(B, server, &s));
    at(B, show_log, NULL, NULL, 0);
    TRACE(offer_at(A, server, &s));
    at(A, show_log, NULL, NULL, 0);
    TRACE(offer_at(C, server, &s));
    at(C, show_log, NULL, NULL, 0);
    end_contexts();
}

int main(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    int i;

    begin();
    for (i = 0; i < 2; i++) {
        of_new("a new callback that keeps", versions[i], keep_new);
        of_new("a new callback that refuses", versions[i], refuse_new);
        of_new("a new callback that removes", versions[i], remove_new);
        of_new("a new callback that adds data of its own", versions[i], data_new);
        from_application(versions[i], SSL_SESS_CACHE_SERVER);
        from_application(versions[i], SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE);
        order(versions[i]);
        removals(versions[i]);
    }
    return finish();
}
