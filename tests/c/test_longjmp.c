// leaks: libssl's own state of an interrupted call is lost

/* longjmp: callbacks that are left by longjmp; the cache goes on, no lock stays held. */
#include "harness.h"

static SSL_CTX *server;
static SSL_CTX *client;
static jmp_buf out;

static int jumping_new(SSL *ssl, SSL_SESSION *sess)
{
    (void)ssl;
    note("new(%s)", session_name(sess));
    SSL_SESSION_free(sess);
    longjmp(out, 1);
}

static SSL_SESSION *jumping_get(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    (void)ssl, (void)copy;
    note("get(%s)", id_name(id, (unsigned)len));
    longjmp(out, 1);
}

static void jumping_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    (void)ctx;
    note("remove(%s)", session_name(sess));
    longjmp(out, 1);
}

/* Goes on after the jump: everything works as if the call had not been made. */
static void goes_on(void)
{
    SSL_SESSION *session = NULL;
    SSL_SESSION *sess = make_session("A", TLS1_3_VERSION);

    SSL_CTX_sess_set_new_cb(server, NULL);
    SSL_CTX_sess_set_get_cb(server, NULL);
    SSL_CTX_sess_set_remove_cb(server, NULL);
    TRACE(visit(server, client, &session));
    TRACE(offer(server, client, session));
    TRACE(SSL_CTX_add_session(server, sess));
    TRACE(SSL_CTX_remove_session(server, sess));
    RUN(SSL_CTX_flush_sessions(server, 0));
    TRACE(SSL_CTX_sess_number(server));
    SSL_SESSION_free(sess);
    SSL_SESSION_free(session);
    print_log();
}

static void open_contexts(void)
{
    server = server_context(TLS1_2_VERSION);
    client = client_context(TLS1_2_VERSION);
}

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    forget_names();
}

static void from_new(void)
{
    pair p;
    volatile int i;

    STEP("from new_cb, many times");
    open_contexts();
    for (i = 0; i < 50; i++) {
        SSL_CTX_sess_set_new_cb(server, jumping_new);
        p = pair_new(server, client, NULL);
        if (setjmp(out) == 0) {
            handshake(&p);
            REQUIRE(!"the callback did not jump");
        }
        /* The connection is left as it is: it was inside a call. */
    }
    print_log();
    goes_on();
    close_contexts();
}

static void from_get(void)
{
    SSL_SESSION *session = NULL;
    pair p;
    volatile int i;

    STEP("from get_cb, many times");
    open_contexts();
    TRACE(visit(server, client, &session));
    RUN(SSL_CTX_flush_sessions(server, 0));
    for (i = 0; i < 50; i++) {
        SSL_CTX_sess_set_get_cb(server, jumping_get);
        p = pair_new(server, client, session);
        if (setjmp(out) == 0) {
            handshake(&p);
            REQUIRE(!"the callback did not jump");
        }
    }
    print_log();
    SSL_SESSION_free(session);
    goes_on();
    close_contexts();
}

static void from_remove(void)
{
    SSL_SESSION *volatile sess;
    volatile int i;

    STEP("from remove_cb below SSL_CTX_remove_session, many times");
    open_contexts();
    for (i = 0; i < 50; i++) {
        sess = make_session("J", TLS1_3_VERSION);
        REQUIRE(SSL_CTX_add_session(server, sess) == 1);
        SSL_CTX_sess_set_remove_cb(server, jumping_remove);
        if (setjmp(out) == 0) {
            SSL_CTX_remove_session(server, sess);
            REQUIRE(!"the callback did not jump");
        }
        REQUIRE(cached(server, "J") == 0);
        /* The reference of the cache is lost with the call. */
        SSL_SESSION_free(sess);
    }
    print_log();
    goes_on();
    close_contexts();
}

int main(void)
{
    begin();
    from_new();
    from_get();
    from_remove();
    return 0;
}
