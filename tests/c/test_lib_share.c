/*
 * sesscache_ctx_share: several contexts of a process use one cache, as virtual
 * hosts of one service want it (OpenSSL issues 2361 and 2397).
 */
#include "harness.h"
#include "library.h"

static SSL_CTX *first, *second, *client;

static void open_contexts(int version)
{
    first = server_context(version);
    second = server_context(version);
    client = client_context(version);
    SSL_CTX_sess_set_remove_cb(first, log_remove);
    SSL_CTX_sess_set_remove_cb(second, log_remove);
}

static void close_contexts(void)
{
    SSL_CTX_free(first);
    SSL_CTX_free(second);
    SSL_CTX_free(client);
    print_log();
}

static void shares(int version)
{
    SSL_SESSION *session = NULL, *server_side;

    printf("-- a session of the one resumes with the other, version %x\n", (unsigned)version);
    open_contexts(version);
    TRACE(library_share(second, first));
    TRACE(library_share(second, first));
    TRACE(library_share(first, second));
    TRACE(visit(first, client, &session));
    TRACE(visit(second, client, &session));
    TRACE(visit(first, client, &session));
    TRACE(SSL_CTX_sess_number(first) == SSL_CTX_sess_number(second));
    STEP("what the one removes is gone for the other");
    server_side = make_session("A", version);
    TRACE(SSL_CTX_add_session(first, server_side));
    TRACE(SSL_CTX_add_session(second, server_side));
    TRACE(SSL_CTX_remove_session(second, server_side));
    TRACE(SSL_CTX_remove_session(first, server_side));
    print_log();
    SSL_SESSION_free(server_side);
    STEP("the cache outlives one of the two");
    SSL_CTX_free(first);
    first = NULL;
    TRACE(visit(second, client, &session));
    STEP("a flush by the application flushes for both");
    RUN(SSL_CTX_flush_sessions(second, 0));
    TRACE(SSL_CTX_sess_number(second));
    TRACE(visit(second, client, &session));
    SSL_SESSION_free(session);
    forget_names();
    note("end");
    close_contexts();
}

static void id_contexts(void)
{
    SSL_SESSION *session = NULL;

    STEP("contexts with different session id contexts stay apart");
    open_contexts(TLS1_2_VERSION);
    SSL_CTX_set_session_id_context(first, (const unsigned char *)"one", 3);
    SSL_CTX_set_session_id_context(second, (const unsigned char *)"two", 3);
    TRACE(library_share(second, first));
    TRACE(visit(first, client, &session));
    TRACE(offer(second, client, session));
    TRACE(offer(first, client, session));
    SSL_SESSION_free(session);
    SSL_CTX_sess_set_remove_cb(first, NULL);
    SSL_CTX_sess_set_remove_cb(second, NULL);
    close_contexts();
}

static void refusals(void)
{
    SSL_SESSION *sess = make_session("B", TLS1_2_VERSION);

    STEP("what is refused");
    open_contexts(TLS1_2_VERSION);
    TRACE(library_share(NULL, first));
    TRACE(library_share(first, NULL));
    TRACE(library_share(first, first));
    SSL_CTX_add_session(second, sess);
    TRACE(library_share(second, first));
    TRACE(library_share(first, second));
    TRACE(SSL_CTX_sess_number(first));
    SSL_CTX *third = server_context(TLS1_2_VERSION);
    SSL_CTX_sessions(third);
    TRACE(library_share(third, first));
    SSL_CTX_free(third);
    SSL_SESSION_free(sess);
    close_contexts();
}

int main(void)
{
    begin();
    shares(TLS1_2_VERSION);
    shares(TLS1_3_VERSION);
    id_contexts();
    refusals();
    return finish();
}
