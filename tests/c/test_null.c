/*
 * null: NULL and absurd arguments that stock libssl answers without crashing.
 * (lib_null has those on which it crashes.)
 */
#include "harness.h"

#include <errno.h>

int main(void)
{
    SSL_CTX *ctx;
    SSL *ssl;
    SSL_SESSION *sess;
    unsigned char id[64] = {0};

    begin();
    ctx = plain_context();
    ssl = SSL_new(ctx);
    sess = make_session("A", TLS1_3_VERSION);

    STEP("NULL");
    TRACE(SSL_CTX_new(NULL) == NULL);
    TRACE(ERR_GET_REASON(ERR_get_error()) == SSL_R_NULL_SSL_METHOD_PASSED);
    ERR_clear_error();
    TRACE(SSL_CTX_new_ex(NULL, NULL, NULL) == NULL);
    ERR_clear_error();
    TRACE(SSL_CTX_ctrl(NULL, SSL_CTRL_SESS_NUMBER, 0, NULL));
    TRACE(SSL_CTX_ctrl(NULL, SSL_CTRL_GET_SESS_CACHE_MODE, 0, NULL));
    TRACE(SSL_CTX_ctrl(NULL, SSL_CTRL_SET_SESS_CACHE_SIZE, 1, NULL));
    TRACE(SSL_CTX_ctrl(NULL, 9999, 0, NULL));
    TRACE(SSL_CTX_remove_session(ctx, NULL));
    TRACE(SSL_SESSION_set_time(NULL, 1));
    TRACE(SSL_SESSION_set_timeout(NULL, 1));
    RUN(SSL_CTX_free(NULL));
    RUN(SSL_SESSION_free(NULL));

    STEP("commands of SSL_CTX_ctrl that are not ours");
    TRACE(SSL_CTX_ctrl(ctx, 9999, 0, NULL));
    TRACE(SSL_CTX_ctrl(ctx, -1, 0, NULL));
    TRACE(SSL_CTX_ctrl(ctx, 32, 0, NULL));
    TRACE(SSL_CTX_set_read_ahead(ctx, 1));
    TRACE(SSL_CTX_get_read_ahead(ctx));
    TRACE(SSL_CTX_set_mode(ctx, SSL_MODE_AUTO_RETRY) != 0);
    TRACE(SSL_CTX_set_max_send_fragment(ctx, 100));
    TRACE(SSL_CTX_set_max_send_fragment(ctx, 1000));
    TRACE(SSL_CTX_get_min_proto_version(ctx));
    TRACE(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION));
    TRACE(SSL_CTX_get_min_proto_version(ctx) == TLS1_2_VERSION);
    TRACE(SSL_CTX_set_max_cert_list(ctx, -1));
    TRACE(SSL_CTX_ctrl(ctx, SSL_CTRL_SESS_NUMBER, 77, id)); /* superfluous arguments */
    TRACE(SSL_CTX_ctrl(ctx, SSL_CTRL_GET_SESS_CACHE_SIZE, -5, id));

    STEP("IDs of absurd length");
    TRACE(SSL_has_matching_session_id(ssl, id, 0));
    TRACE(SSL_has_matching_session_id(ssl, id, 33));
    TRACE(SSL_has_matching_session_id(ssl, id, 0xffffffffu));
    TRACE(SSL_has_matching_session_id(ssl, id, 1));
    TRACE(SSL_SESSION_set1_id(sess, id, 33));
    ERR_clear_error();

    STEP("a context for which no side is said");
    SSL_CTX_free(ctx);
    SSL_free(ssl);
    ctx = SSL_CTX_new(TLS_method());
    TRACE(SSL_CTX_add_session(ctx, sess));
    TRACE(cached(ctx, "A"));
    TRACE(SSL_CTX_remove_session(ctx, sess));

    STEP("errno and the error queue stay as they are");
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 42);
    errno = 77;
    SSL_CTX_add_session(ctx, sess);
    TRACE(errno);
    SSL_CTX_add_session(ctx, sess);
    TRACE(errno);
    SSL_CTX_sess_number(ctx);
    cached(ctx, "A");
    TRACE(errno);
    SSL_SESSION_set_timeout(sess, 12);
    TRACE(errno);
    SSL_CTX_remove_session(ctx, sess);
    TRACE(errno);
    SSL_CTX_add_session(ctx, sess);
    SSL_CTX_flush_sessions(ctx, 0);
    TRACE(errno);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_free(ctx);
    TRACE(errno);
    TRACE(ERR_GET_REASON(ERR_get_error()));
    TRACE(ERR_get_error());
    SSL_SESSION_free(sess);
    return finish();
}
