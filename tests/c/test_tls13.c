/* tls13: stateful tickets, several in a connection, after the handshake, and each used once. */
#include "harness.h"

static SSL_CTX *server;
static SSL_CTX *client;

static void open_contexts(int tickets)
{
    server = server_context(TLS1_3_VERSION);
    client = client_context(TLS1_3_VERSION);
    SSL_CTX_set_num_tickets(server, tickets);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
}

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    print_log();
    store_clear();
    TRACE(sessions_alive());
    forget_names();
}

static void tickets(int n)
{
    SSL_SESSION *session = NULL;

    printf("-- %d tickets a connection\n", n);
    open_contexts(n);
    TRACE(visit(server, client, &session)); /* C47 */
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    TRACE(visit(server, client, &session));
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    SSL_SESSION_free(session);
    close_contexts();
}

static int client_new(SSL *ssl, SSL_SESSION *sess)
{
    (void)sess;
    note("client-new(init=%d,finished=%d)", SSL_in_init(ssl), SSL_is_init_finished(ssl));
    return 0;
}

static void after_the_handshake(void)
{
    char byte = 'x';
    pair p;
    int i;

    STEP("tickets come when the handshake is over, and when the server sends more");
    open_contexts(2);
    SSL_CTX_set_session_cache_mode(client,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(client, client_new);
    p = pair_new(server, client, NULL);
    for (i = 0; i < 10 && !SSL_is_init_finished(p.server); i++) {
        SSL_do_handshake(p.client);
        SSL_do_handshake(p.server);
    }
    TRACE(SSL_is_init_finished(p.client));
    print_log();
    SSL_read(p.client, &byte, 1); /* C47: the client is told when it reads */
    print_log();
    TRACE(SSL_new_session_ticket(p.server));
    TRACE(SSL_do_handshake(p.server));
    exchange(&p);
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    pair_close(&p);
    close_contexts();
}

static void once(void)
{
    SSL_SESSION *session = NULL;
    SSL_SESSION *of_server;
    const unsigned char *ticket;
    size_t len;

    STEP("a session may be made to serve once only, by removing it after its use");
    open_contexts(1);
    TRACE(visit(server, client, &session));
    TRACE(offer(server, client, session));
    TRACE(offer(server, client, session)); /* the engine itself lets it serve again */
    SSL_SESSION_get0_ticket(session, &ticket, &len);
    TRACE(len);
    of_server = store_find(ticket, (unsigned)len);
    REQUIRE(of_server != NULL);
    print_log();
    TRACE(SSL_CTX_remove_session(server, of_server)); /* C60 */
    print_log();
    TRACE(offer(server, client, session));
    print_log();
    SSL_SESSION_free(session);
    close_contexts();
}

/* Stateless tickets: sessions go into the cache only for a remove_cb. */
static void stateless(int with_new, int with_remove)
{
    SSL_SESSION *session = NULL;

    printf("-- stateless tickets, new_cb %d, remove_cb %d\n", with_new, with_remove);
    open_contexts(2);
    SSL_CTX_clear_options(server, SSL_OP_NO_TICKET);
    if (!with_new)
        SSL_CTX_sess_set_new_cb(server, NULL);
    if (!with_remove)
        SSL_CTX_sess_set_remove_cb(server, NULL);
    SSL_CTX_sess_set_get_cb(server, miss_get);
    TRACE(visit(server, client, &session));
    TRACE(SSL_CTX_sess_number(server));
    TRACE(visit(server, client, &session));
    TRACE(SSL_CTX_sess_number(server));
    RUN(SSL_CTX_flush_sessions(server, 0));
    TRACE(offer(server, client, session)); /* the ticket says it all */
    print_log();
    print_counters("server", server);
    SSL_SESSION_free(session);
    close_contexts();
}

static void hello_retry(void)
{
    SSL_SESSION *session = NULL;

    STEP("resumption across a HelloRetryRequest");
    open_contexts(1);
    REQUIRE(SSL_CTX_set1_groups_list(server, "P-256"));
    REQUIRE(SSL_CTX_set1_groups_list(client, "P-384:P-256"));
    TRACE(visit(server, client, &session));
    TRACE(visit(server, client, &session));
    print_log();
    print_counters("server", server);
    SSL_SESSION_free(session);
    close_contexts();
}

static void tampered(void)
{
    SSL_SESSION *session = NULL;
    unsigned char *der = NULL;
    const unsigned char *ticket;
    const unsigned char *p;
    size_t len;
    int der_len;
    int i;

    STEP("an unknown identity, and the right one from another client context");
    open_contexts(1);
    TRACE(visit(server, client, &session));
    SSL_SESSION_get0_ticket(session, &ticket, &len);
    der_len = i2d_SSL_SESSION(session, &der);
    REQUIRE(der_len > 0 && len == 32);
    for (i = 0; i + (int)len <= der_len; i++)
        if (memcmp(der + i, ticket, len) == 0)
            der[i] ^= 1;
    SSL_CTX_free(client);
    client = client_context(TLS1_3_VERSION);
    TRACE(offer(server, client, session));
    SSL_SESSION_free(session);
    p = der;
    session = d2i_SSL_SESSION(NULL, &p, der_len);
    REQUIRE(session != NULL);
    TRACE(offer(server, client, session));
    print_counters("server", server);
    OPENSSL_free(der);
    SSL_SESSION_free(session);
    close_contexts();
}

int main(void)
{
    begin();
    tickets(0);
    tickets(1);
    tickets(2);
    tickets(5);
    after_the_handshake();
    once();
    stateless(0, 0);
    stateless(1, 0);
    stateless(0, 1);
    stateless(1, 1);
    hello_retry();
    tampered();
    return finish();
}
