/*
 * lib_two_contexts: one session object in the caches of two contexts. Stock
 * libssl keeps its list inside the session and damages memory here.
 */
#include "library.h"

static SSL_CTX *one;
static SSL_CTX *two;

static void names_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    note("remove(%s,%s)", session_name(sess), ctx == one ? "one" : "two");
}

static void open_contexts(void)
{
    one = plain_context();
    two = plain_context();
    SSL_CTX_sess_set_remove_cb(one, names_remove);
    SSL_CTX_sess_set_remove_cb(two, names_remove);
}

int main(void)
{
    SSL_SESSION *sess;
    SSL_SESSION *more;

    begin();
    STEP("added to both, removed from one");
    open_contexts();
    sess = make_session("A", TLS1_3_VERSION);
    TRACE(SSL_CTX_add_session(one, sess));
    TRACE(SSL_CTX_add_session(two, sess));
    TRACE(SSL_CTX_add_session(one, sess));
    TRACE(SSL_CTX_add_session(two, sess));
    TRACE(SSL_CTX_remove_session(one, sess));
    TRACE(cached(one, "A"));
    TRACE(cached(two, "A"));
    SSL_SESSION_free(sess);
    TRACE(sessions_alive());
    RUN(SSL_CTX_free(one));
    TRACE(cached(two, "A"));
    RUN(SSL_CTX_free(two));
    print_log();
    TRACE(sessions_alive());

    STEP("a new lifetime moves it in both");
    open_contexts();
    sess = make_session("A", TLS1_3_VERSION);
    SSL_SESSION_set_timeout(sess, 10);
    TRACE(SSL_CTX_add_session(one, sess));
    TRACE(SSL_CTX_add_session(two, sess));
    TRACE(SSL_SESSION_set_timeout(sess, 1000));
    RUN(SSL_CTX_flush_sessions(one, EPOCH + 100));
    RUN(SSL_CTX_flush_sessions(two, EPOCH + 100));
    print_log();
    TRACE(SSL_SESSION_set_time(sess, EPOCH - 1000) == EPOCH - 1000);
    RUN(SSL_CTX_flush_sessions(one, EPOCH + 100));
    print_log();
    TRACE(cached(one, "A"));
    TRACE(cached(two, "A"));
    RUN(SSL_CTX_flush_sessions(two, EPOCH + 100));
    print_log();
    TRACE(sessions_alive());

    STEP("evicted from one, alive in the other");
    SSL_CTX_sess_set_cache_size(one, 1);
    TRACE(SSL_CTX_add_session(one, sess));
    TRACE(SSL_CTX_add_session(two, sess));
    SSL_SESSION_free(sess);
    more = make_session("B", TLS1_3_VERSION);
    TRACE(SSL_CTX_add_session(one, more));
    TRACE(cached(one, "A"));
    TRACE(cached(two, "A"));
    TRACE(sessions_alive());
    RUN(SSL_CTX_free(two));
    TRACE(sessions_alive());
    SSL_SESSION_free(more);
    RUN(SSL_CTX_free(one));
    print_log();
    return finish();
}
