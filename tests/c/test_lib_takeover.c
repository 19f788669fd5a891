// env: SESSCACHE_MODE=takeover

/*
 * lib_takeover: in takeover mode the core keeps and finds the sessions of
 * servers whatever the application's flags say; its callbacks still run.
 */
#include "library.h"

static SSL_CTX *server;
static SSL_CTX *client;

/* As nginx: the external cache has a copy, the reference is given back. */
static int copy_new(SSL *ssl, SSL_SESSION *sess)
{
    (void)ssl;
    note("new(%s)", session_name(sess));
    return 0;
}

static void round_of(const char *name, int version, long mode, int (*new_cb)(SSL *, SSL_SESSION *))
{
    SSL_SESSION *session = NULL;

    printf("-- %s, version %x\n", name, (unsigned)version);
    server = server_context(version);
    client = client_context(version);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_set_session_cache_mode(server, mode);
    SSL_CTX_sess_set_new_cb(server, new_cb);
    SSL_CTX_sess_set_get_cb(server, miss_get);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    TRACE(SSL_CTX_get_session_cache_mode(server) == mode);
    TRACE(visit(server, client, &session));
    TRACE(visit(server, client, &session));
    print_log();
    print_counters("server", server);
    print_stats(server);
    RUN(SSL_CTX_flush_sessions(server, 0));
    TRACE(offer(server, client, session));
    print_log();
    print_stats(server);
    SSL_SESSION_free(session);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    print_log();
    store_clear();
    TRACE(sessions_alive());
    forget_names();
}

/* Clients are the application's own affair. */
static void client_side(void)
{
    SSL_SESSION *session = NULL;

    STEP("clients are left as they are");
    server = server_context(TLS1_2_VERSION);
    client = client_context(TLS1_2_VERSION);
    SSL_CTX_sess_set_new_cb(client, keep_new);
    TRACE(visit(server, client, &session));
    TRACE(SSL_CTX_sess_number(client));
    print_log();
    SSL_SESSION_free(session);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

/* What the application kept outside before is found there, and comes inside. */
static void outside_first(void)
{
    SSL_SESSION *session = NULL;
    SSL_CTX *second;

    STEP("a miss of ours goes to the application's get_cb, and its answer is kept");
    server = server_context(TLS1_2_VERSION);
    second = server_context(TLS1_2_VERSION);
    /* With other authorities it is a context of another kind, which finds nothing of the first's. */
    REQUIRE(SSL_CTX_add_client_CA(second, SSL_CTX_get0_certificate(second)));
    client = client_context(TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_session_cache_mode(second, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_get_cb(second, store_get);
    TRACE(visit(server, client, &session));
    TRACE(offer(second, client, session));
    TRACE(offer(second, client, session));
    print_log();
    print_stats(second);
    SSL_SESSION_free(session);
    SSL_CTX_free(server);
    SSL_CTX_free(second);
    SSL_CTX_free(client);
    store_clear();
    TRACE(sessions_alive());
}

/* A process alone has a region too: its table keeps the newest as objects, the region all. */
static void more_than_the_table(void)
{
    const unsigned most = 200;

    STEP("sessions of one process, all but the newest as bytes");
    server = server_context(TLS1_3_VERSION);
    client = client_context(TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    pair p = pair_new(server, client, NULL);
    REQUIRE(handshake(&p));
    SSL_SESSION *model = SSL_get1_session(p.server);
    pair_close(&p);
    SSL_CTX_flush_sessions(server, 0);
    const long before = sessions_alive();
    unsigned char id[32] = {0};
    for (unsigned i = 0; i < most; i++) {
        id[0] = (unsigned char)i;
        SSL_SESSION *sess = SSL_SESSION_dup(model);
        REQUIRE(SSL_SESSION_set1_id(sess, id, sizeof id));
        REQUIRE(SSL_CTX_add_session(server, sess) == 1);
        SSL_SESSION_free(sess);
    }
    TRACE(sessions_alive() - before);
    unsigned found = 0;
    SSL *ssl = SSL_new(server);
    for (unsigned i = 0; i < most; i++) {
        id[0] = (unsigned char)i;
        found += SSL_has_matching_session_id(ssl, id, sizeof id) != 0;
    }
    TRACE(found == most);
    SSL_free(ssl);
    SSL_SESSION_free(model);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

int main(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    const long server_bit = SSL_SESS_CACHE_SERVER;
    int i;

    begin();
    for (i = 0; i < 2; i++) {
        round_of("SERVER", versions[i], server_bit, copy_new);
        round_of("NO_INTERNAL", versions[i], server_bit | SSL_SESS_CACHE_NO_INTERNAL, copy_new);
        round_of("NO_INTERNAL, kept", versions[i], server_bit | SSL_SESS_CACHE_NO_INTERNAL,
                 keep_new);
        round_of("NO_INTERNAL_LOOKUP", versions[i], server_bit | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP,
                 copy_new);
        round_of("NO_INTERNAL_STORE", versions[i], server_bit | SSL_SESS_CACHE_NO_INTERNAL_STORE,
                 copy_new);
        round_of("no callback of new sessions", versions[i],
                 server_bit | SSL_SESS_CACHE_NO_INTERNAL, NULL);
        round_of("OFF", versions[i], SSL_SESS_CACHE_OFF, copy_new);
    }
    client_side();
    outside_first();
    more_than_the_table();
    return finish();
}
