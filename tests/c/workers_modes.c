/* workers_modes.c: which modes of a context let workers share its sessions. */
#include "workers.h"

static SSL_CTX *plain, *moded;

static void close_contexts(void)
{
    SSL_CTX_free(plain);
    SSL_CTX_free(moded);
    SSL_CTX_free(worker_client);
}

static SSL_CTX *make_context(int version)
{
    SSL_CTX *ctx = server_context(version);

    SSL_CTX_set_num_tickets(ctx, 1);
    return ctx;
}

/* The application adds the session of a connection itself. */
static long add_by_hand(SSL_CTX *ctx, saved *session, long n)
{
    pair p = pair_new(ctx, worker_client, NULL);
    SSL_SESSION *made;
    int added;

    (void)n;
    REQUIRE(handshake(&p));
    made = SSL_get1_session(p.client);
    save(session, made);
    SSL_SESSION_free(made);
    added = SSL_CTX_add_session(ctx, SSL_get0_session(p.server));
    pair_close(&p);
    return added;
}

static void round_of(const char *name, int version, long mode, int (*new_cb)(SSL *, SSL_SESSION *))
{
    saved s = {0}, other = {0}, added = {0};

    printf("-- %s, version %x\n", name, (unsigned)version);
    plain = make_context(version);
    moded = make_context(version);
    worker_client = client_context(version);
    SSL_CTX_set_session_cache_mode(moded, mode);
    SSL_CTX_sess_set_new_cb(moded, new_cb);
    workers_start(close_contexts);
    TRACE(visit_at(A, moded, &s));
    resumes("its own", moded, &s);
    resumes("its own, by an equal context without the mode", plain, &s);
    TRACE(visit_at(A, plain, &other));
    resumes("that of an equal context without the mode", moded, &other);
    TRACE(at(A, add_by_hand, moded, &added, 0));
    resumes("added by the application", moded, &added);
    counters_at(B, moded);
    TRACE(remove_at(D, moded, &other));
    resumes("removed", plain, &other);
    workers_stop();
    close_contexts();
}

void workers_modes(int (*new_cb)(SSL *ssl, SSL_SESSION *sess))
{
    static const struct {
        const char *name;
        long mode;
    } modes[] = {
        {"SERVER", SSL_SESS_CACHE_SERVER},
        {"BOTH", SSL_SESS_CACHE_BOTH},
        {"NO_INTERNAL_LOOKUP", SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP},
        {"NO_INTERNAL_STORE", SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE},
        {"NO_INTERNAL", SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL},
        {"OFF", SSL_SESS_CACHE_OFF},
        {"CLIENT", SSL_SESS_CACHE_CLIENT},
    };
    size_t i;

    for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        round_of(modes[i].name, TLS1_2_VERSION, modes[i].mode, new_cb);
        round_of(modes[i].name, TLS1_3_VERSION, modes[i].mode, new_cb);
    }
}
