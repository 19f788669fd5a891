/*
 * Sessions without an ID: they are added, and leave as others do when the cache
 * is full, flushed or ends. libssl never evicts one, and behind it the cache
 * grows without limit.
 */
#include "harness.h"
#include "library.h"

#include <openssl/lhash.h>

static SSL_SESSION *without_id(long timeout)
{
    SSL_SESSION *sess = SSL_SESSION_new();

    REQUIRE(sess != NULL && SSL_SESSION_set_protocol_version(sess, TLS1_2_VERSION));
    SSL_SESSION_set_timeout(sess, timeout);
    return sess;
}

int main(void)
{
    begin();
    SSL_CTX *ctx = plain_context();
    SSL_SESSION *empty = without_id(10);
    SSL_SESSION *twin = without_id(10);

    SSL_CTX_sess_set_cache_size(ctx, 2);
    TRACE(SSL_CTX_add_session(ctx, empty));
    TRACE(SSL_CTX_add_session(ctx, empty));
    TRACE(SSL_CTX_add_session(ctx, twin));
    TRACE(SSL_CTX_sess_number(ctx));
    STEP("it cannot be removed, for a removal goes by the ID");
    TRACE(SSL_CTX_remove_session(ctx, twin));
    TRACE(SSL_CTX_sess_number(ctx));

    STEP("the first to expire is the first to be evicted");
    const char *const names[] = {"A", "B", "C", "D"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        SSL_SESSION *sess = make_session(names[i], TLS1_3_VERSION);
        SSL_CTX_add_session(ctx, sess);
        SSL_SESSION_free(sess);
    }
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(SSL_CTX_sess_cache_full(ctx));
    print_stats(ctx);

    STEP("it is not in the copy that SSL_CTX_sessions gives, which could not let it go");
    TRACE(SSL_CTX_sess_set_cache_size(ctx, 0));
    TRACE(SSL_CTX_add_session(ctx, empty));
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(OPENSSL_LH_num_items((OPENSSL_LHASH *)SSL_CTX_sessions(ctx)));
    RUN(SSL_CTX_flush_sessions(ctx, 0));
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(SSL_CTX_add_session(ctx, twin));
    SSL_CTX_free(ctx);
    SSL_SESSION_free(empty);
    SSL_SESSION_free(twin);
    return finish();
}
