/* autoclear: the flush that runs by itself every so many good handshakes of a side. */
#include "harness.h"

static SSL_CTX *server;
static SSL_CTX *client;
static long removed;

static void count_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    (void)ctx, (void)sess;
    removed++;
}

/* add stores a session in `ctx` that has long expired. */
static void add_expired(SSL_CTX *ctx, const char *name)
{
    SSL_SESSION *sess = make_session(name, TLS1_3_VERSION);

    SSL_SESSION_set_time(sess, EPOCH - 100000);
    REQUIRE(SSL_CTX_add_session(ctx, sess) == 1);
    SSL_SESSION_free(sess);
}

static void open_contexts(int version, long server_mode, long client_mode)
{
    server = server_context(version);
    client = client_context(version);
    SSL_CTX_set_session_cache_mode(server, server_mode);
    SSL_CTX_set_session_cache_mode(client, client_mode);
    SSL_CTX_set_num_tickets(server, 1);
    removed = 0;
}

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    TRACE(sessions_alive());
}

/*
 * run makes up to `n` handshakes and says after how many the expired session
 * went. All but the first resume, if `session` is given.
 */
static void run(SSL_CTX *watched, int n, SSL_SESSION **session)
{
    SSL_SESSION *none;
    int i;

    removed = 0;
    SSL_CTX_sess_set_remove_cb(watched, count_remove);
    add_expired(watched, "old");
    for (i = 1; i <= n && removed == 0; i++) {
        none = NULL;
        visit(server, client, session != NULL ? session : &none);
        SSL_SESSION_free(none);
    }
    if (removed > 0)
        printf("gone after %d handshakes\n", i - 1);
    else
        printf("still there after %d handshakes\n", n);
    SSL_CTX_sess_set_remove_cb(watched, NULL);
}

int main(void)
{
    SSL_SESSION *session = NULL;

    begin();
    STEP("server, resumed handshakes count too"); /* C31 C76 */
    open_contexts(TLS1_2_VERSION, SSL_SESS_CACHE_SERVER, SSL_SESS_CACHE_OFF);
    run(server, 600, &session);
    TRACE(SSL_CTX_sess_accept_good(server));
    TRACE(SSL_CTX_sess_hits(server));
    TRACE(SSL_CTX_sess_number(server));
    run(server, 600, &session);
    TRACE(SSL_CTX_sess_accept_good(server));
    SSL_SESSION_free(session);
    close_contexts();

    STEP("server, full handshakes");
    open_contexts(TLS1_2_VERSION, SSL_SESS_CACHE_SERVER, SSL_SESS_CACHE_OFF);
    run(server, 600, NULL);
    TRACE(SSL_CTX_sess_number(server));
    close_contexts();

    STEP("NO_AUTO_CLEAR: only by hand"); /* C30 */
    open_contexts(TLS1_2_VERSION, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_AUTO_CLEAR,
                  SSL_SESS_CACHE_OFF);
    session = NULL;
    run(server, 300, &session);
    SSL_SESSION_free(session);
    TRACE(SSL_CTX_sess_number(server));
    RUN(SSL_CTX_flush_sessions(server, EPOCH));
    TRACE(SSL_CTX_sess_number(server));
    close_contexts();

    STEP("the side's own bit must be set");
    open_contexts(TLS1_2_VERSION, SSL_SESS_CACHE_CLIENT, SSL_SESS_CACHE_OFF);
    run(server, 300, NULL);
    close_contexts();

    STEP("client");
    open_contexts(TLS1_2_VERSION, SSL_SESS_CACHE_SERVER, SSL_SESS_CACHE_CLIENT);
    session = NULL;
    run(client, 600, &session);
    TRACE(SSL_CTX_sess_connect_good(client));
    SSL_SESSION_free(session);
    close_contexts();

    STEP("TLS 1.3, both sides");
    open_contexts(TLS1_3_VERSION, SSL_SESS_CACHE_SERVER, SSL_SESS_CACHE_CLIENT);
    session = NULL;
    run(server, 600, &session);
    TRACE(SSL_CTX_sess_accept_good(server));
    run(client, 600, &session);
    TRACE(SSL_CTX_sess_connect_good(client));
    SSL_SESSION_free(session);
    close_contexts();

    STEP("resumed from outside");
    open_contexts(TLS1_2_VERSION, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL,
                  SSL_SESS_CACHE_OFF);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_get_cb(server, store_get);
    session = NULL;
    run(server, 300, &session);
    SSL_SESSION_free(session);
    store_clear();
    close_contexts();

    STEP("resumed by tickets");
    open_contexts(TLS1_2_VERSION, SSL_SESS_CACHE_SERVER, SSL_SESS_CACHE_OFF);
    SSL_CTX_clear_options(server, SSL_OP_NO_TICKET);
    session = NULL;
    run(server, 300, &session);
    SSL_SESSION_free(session);
    close_contexts();

    STEP("client, resumed by tickets");
    open_contexts(TLS1_2_VERSION, SSL_SESS_CACHE_OFF, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_clear_options(server, SSL_OP_NO_TICKET);
    session = NULL;
    run(client, 300, &session);
    SSL_SESSION_free(session);
    close_contexts();

    STEP("NO_INTERNAL does not keep the flush away");
    open_contexts(TLS1_2_VERSION, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL,
                  SSL_SESS_CACHE_OFF);
    run(server, 300, NULL);
    close_contexts();
    return finish();
}
