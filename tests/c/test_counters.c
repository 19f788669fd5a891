/* counters: all twelve figures of SSL_CTX_sess_number(3), on both sides. */
#include "harness.h"

static SSL_CTX *server;
static SSL_CTX *client;

static void open_contexts(int version)
{
    server = server_context(version);
    client = client_context(version);
    SSL_CTX_set_num_tickets(server, 1);
}

static void both(void)
{
    print_counters("server", server);
    print_counters("client", client);
}

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    store_clear();
    TRACE(sessions_alive());
}

static void basic(int version, long client_mode)
{
    SSL_SESSION *session = NULL;

    printf("-- full, resumed, refused; version %x, client mode %ld\n", (unsigned)version,
           client_mode);
    open_contexts(version);
    SSL_CTX_set_session_cache_mode(client, client_mode);
    both();
    TRACE(visit(server, client, &session)); /* C80 C81 C82 C84 C85 */
    both();
    TRACE(visit(server, client, &session)); /* C87 C88 */
    both();
    RUN(SSL_CTX_flush_sessions(server, 0));
    TRACE(offer(server, client, session)); /* C90 */
    both();
    TRACE(offer(server, client, NULL));
    both();
    SSL_SESSION_free(session);
    close_contexts();
}

/* A handshake that fails is started, but not good. */
static void failed(void)
{
    pair p;

    STEP("a handshake that fails");
    open_contexts(TLS1_2_VERSION);
    REQUIRE(SSL_CTX_set_cipher_list(client, "ECDHE-RSA-AES128-SHA:@SECLEVEL=0"));
    p = pair_new(server, client, NULL);
    TRACE(handshake(&p));
    both();
    pair_drop(&p);
    both();
    close_contexts();
}

/* renegotiate lets both ends read, and so do what the other end asked for. */
static void renegotiate(pair *p)
{
    char byte;
    int i;

    for (i = 0; i < 10; i++) {
        SSL_do_handshake(p->client);
        SSL_read(p->server, &byte, 1);
        SSL_do_handshake(p->server);
        SSL_read(p->client, &byte, 1);
    }
    ERR_clear_error();
}

static void renegotiated(int by_server, int abbreviated)
{
    pair p;

    printf("-- renegotiation, asked for by the %s%s\n", by_server ? "server" : "client",
           abbreviated ? ", abbreviated" : "");
    open_contexts(TLS1_2_VERSION);
    SSL_CTX_set_options(server, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
    p = pair_new(server, client, NULL);
    TRACE(handshake(&p));
    both();
    if (abbreviated)
        TRACE(SSL_renegotiate_abbreviated(by_server ? p.server : p.client));
    else
        TRACE(SSL_renegotiate(by_server ? p.server : p.client));
    renegotiate(&p);
    both(); /* C83 C86 */
    TRACE(SSL_session_reused(p.server));
    pair_close(&p);
    both();
    close_contexts();
}

static void outside(void)
{
    SSL_SESSION *session = NULL;

    STEP("external hits");
    open_contexts(TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(server,
                                   SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_get_cb(server, store_get);
    TRACE(visit(server, client, &session));
    TRACE(offer(server, client, session)); /* C89 */
    TRACE(offer(server, client, session));
    both();
    TRACE(store_clear());
    TRACE(offer(server, client, session));
    both();
    SSL_SESSION_free(session);
    close_contexts();
}

static void tickets(int version)
{
    SSL_SESSION *session = NULL;

    printf("-- stateless tickets, version %x\n", (unsigned)version);
    open_contexts(version);
    SSL_CTX_clear_options(server, SSL_OP_NO_TICKET);
    SSL_CTX_set_timeout(server, 100);
    TRACE(visit(server, client, &session));
    TRACE(visit(server, client, &session));
    both();
    SSL_SESSION_set_timeout(session, 10000);
    advance(101);
    TRACE(offer(server, client, session));
    both();
    set_clock(EPOCH);
    SSL_SESSION_free(session);
    close_contexts();
}

static void full(void)
{
    int i;

    STEP("cache_full");
    open_contexts(TLS1_2_VERSION);
    SSL_CTX_sess_set_cache_size(server, 1);
    for (i = 0; i < 4; i++)
        TRACE(offer(server, client, NULL));
    both(); /* C92 */
    close_contexts();
}

static void nothing(void)
{
    SSL_CTX *ctx = NULL;

    STEP("no context");
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(SSL_CTX_sess_hits(ctx));
    TRACE(SSL_CTX_sess_cache_full(ctx));
    TRACE(SSL_CTX_sess_set_cache_size(ctx, 10));
    TRACE(SSL_CTX_sess_get_cache_size(ctx));
    TRACE(SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH));
    TRACE(SSL_CTX_get_session_cache_mode(ctx));
}

int main(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    int i;

    begin();
    for (i = 0; i < 2; i++) {
        basic(versions[i], SSL_SESS_CACHE_SERVER);
        basic(versions[i], SSL_SESS_CACHE_BOTH);
        tickets(versions[i]);
    }
    failed();
    renegotiated(0, 0);
    renegotiated(0, 1);
    renegotiated(1, 0);
    renegotiated(1, 1);
    outside();
    full();
    nothing();
    return finish();
}
