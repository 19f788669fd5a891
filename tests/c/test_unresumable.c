/*
 * unresumable: sessions that are marked as not resumable and cached all the
 * same. libssl looks at the mark only where a callback hands it a session, and
 * that is how the library hands out its own.
 */
#include "harness.h"

static SSL_CTX *server;
static SSL_CTX *client;

static void open_contexts(void)
{
    server = server_context(TLS1_2_VERSION);
    client = client_context(TLS1_2_VERSION);
    SSL_CTX_sess_set_new_cb(server, keep_new);
}

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    TRACE(store_clear() > 0);
    TRACE(sessions_alive());
    forget_names();
}

static SSL_SESSION *of_server(SSL_SESSION *session)
{
    unsigned int len;
    const unsigned char *id = SSL_SESSION_get_id(session, &len);

    return store_find(id, len);
}

static void removed_and_added(void)
{
    SSL_SESSION *session = NULL;

    STEP("removed, and the same object added again");
    open_contexts();
    TRACE(visit(server, client, &session));
    TRACE(SSL_CTX_remove_session(server, of_server(session)));
    TRACE(SSL_CTX_add_session(server, of_server(session)));
    TRACE(SSL_CTX_sess_number(server));
    TRACE(offer(server, client, session));
    SSL_SESSION_free(session);
    close_contexts();
}

static void removed_and_copied(void)
{
    SSL_SESSION *session = NULL;
    SSL_SESSION *copy;
    unsigned char *der = NULL;
    const unsigned char *p;
    int len;

    STEP("removed, and a copy read from DER added: it resumes");
    open_contexts();
    TRACE(visit(server, client, &session));
    len = i2d_SSL_SESSION(of_server(session), &der);
    REQUIRE(len > 0);
    TRACE(SSL_CTX_remove_session(server, of_server(session)));
    p = der;
    copy = d2i_SSL_SESSION(NULL, &p, len);
    REQUIRE(copy != NULL);
    TRACE(SSL_CTX_add_session(server, copy));
    TRACE(offer(server, client, session));
    SSL_SESSION_free(copy);
    OPENSSL_free(der);
    SSL_SESSION_free(session);
    close_contexts();
}

static int never(SSL *ssl, int is_forward_secure)
{
    (void)ssl, (void)is_forward_secure;
    return 1;
}

static void by_callback(void)
{
    SSL_SESSION *session = NULL;

    STEP("a server that marks its sessions while it makes them");
    open_contexts();
    SSL_CTX_set_not_resumable_session_callback(server, never);
    TRACE(offer(server, client, NULL));
    TRACE(SSL_CTX_sess_number(server));
    TRACE(visit(server, client, &session));
    TRACE(offer(server, client, session));
    SSL_SESSION_free(session);
    SSL_CTX_set_not_resumable_session_callback(server, NULL);
    TRACE(offer(server, client, NULL));
    TRACE(SSL_CTX_sess_number(server));
    close_contexts();
}

int main(void)
{
    begin();
    removed_and_added();
    removed_and_copied();
    by_callback();
    return finish();
}
