/* verify: session id contexts, and servers that verify their clients. */
#include "harness.h"

static SSL_CTX *server;
static SSL_CTX *client;

static int accept_any(int ok, X509_STORE_CTX *store)
{
    (void)ok, (void)store;
    return 1;
}

static void open_contexts(int version, const char *id_context)
{
    server = server_context(version);
    client = client_context(version);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    SSL_CTX_sess_set_get_cb(server, store_get);
    if (id_context != NULL)
        REQUIRE(SSL_CTX_set_session_id_context(server, (const unsigned char *)id_context,
                                               (unsigned)strlen(id_context)));
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

static void verifying(int version, const char *id_context, int with_certificate)
{
    SSL_SESSION *session = NULL;

    printf("-- verifying server, id context %s, client certificate %d, version %x\n",
           id_context != NULL ? id_context : "none", with_certificate, (unsigned)version);
    open_contexts(version, id_context);
    SSL_CTX_set_verify(server, SSL_VERIFY_PEER, accept_any);
    if (with_certificate)
        use_certificate(client);
    TRACE(visit(server, client, &session));
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    TRACE(offer(server, client, session)); /* C29 */
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    SSL_SESSION_free(session);
    close_contexts();
}

/* A session without id context, offered to a server that has begun to verify. */
static void begins_to_verify(int version)
{
    SSL_SESSION *session = NULL;

    printf("-- a server that begins to verify, version %x\n", (unsigned)version);
    open_contexts(version, NULL);
    TRACE(visit(server, client, &session));
    SSL_CTX_set_verify(server, SSL_VERIFY_PEER, accept_any);
    TRACE(offer(server, client, session));
    print_log();
    print_counters("server", server);
    SSL_SESSION_free(session);
    close_contexts();
}

/* Sessions of one id context are not resumed in another, and are not lost by that. */
static void other_context(int version)
{
    SSL_SESSION *session = NULL;

    printf("-- id contexts, version %x\n", (unsigned)version);
    open_contexts(version, "one");
    TRACE(visit(server, client, &session));
    RUN(SSL_CTX_set_session_id_context(server, (const unsigned char *)"two", 3));
    TRACE(offer(server, client, session)); /* C29 */
    print_log();
    RUN(SSL_CTX_set_session_id_context(server, (const unsigned char *)"one", 3));
    TRACE(offer(server, client, session));
    print_log();
    print_counters("server", server);
    SSL_SESSION_free(session);
    close_contexts();
}

/* Per connection, as Apache sets it. */
static void per_connection(void)
{
    SSL_SESSION *session;
    pair p;

    STEP("id context of one connection");
    open_contexts(TLS1_2_VERSION, NULL);
    p = pair_new(server, client, NULL);
    REQUIRE(SSL_set_session_id_context(p.server, (const unsigned char *)"mine", 4));
    TRACE(handshake(&p));
    session = SSL_get1_session(p.client);
    pair_close(&p);
    TRACE(offer(server, client, session));
    p = pair_new(server, client, session);
    REQUIRE(SSL_set_session_id_context(p.server, (const unsigned char *)"mine", 4));
    TRACE(handshake(&p));
    TRACE(SSL_session_reused(p.server));
    pair_close(&p);
    print_log();
    SSL_SESSION_free(session);
    close_contexts();
}

/* A client that verifies needs no id context. */
static void client_verifies(void)
{
    SSL_SESSION *session = NULL;

    STEP("a client that verifies");
    open_contexts(TLS1_2_VERSION, NULL);
    SSL_CTX_set_verify(client, SSL_VERIFY_PEER, accept_any);
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(client, keep_new);
    TRACE(visit(server, client, &session));
    print_log();
    TRACE(SSL_CTX_sess_number(client));
    SSL_SESSION_free(session);
    close_contexts();
}

int main(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    int i;

    begin();
    for (i = 0; i < 2; i++) {
        verifying(versions[i], NULL, 1);
        verifying(versions[i], NULL, 0);
        verifying(versions[i], "ctx", 1);
        verifying(versions[i], "ctx", 0);
        begins_to_verify(versions[i]);
        other_context(versions[i]);
    }
    per_connection();
    client_verifies();
    return finish();
}
