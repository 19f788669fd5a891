/* lib_null: arguments on which stock libssl crashes. The library does nothing and says 0. */
#include "library.h"

#include <errno.h>

static int new_cb(SSL *ssl, SSL_SESSION *sess)
{
    (void)ssl, (void)sess;
    return 0;
}

int main(void)
{
    SSL_CTX *ctx;
    SSL *ssl;
    SSL_SESSION *sess;
    unsigned char id[32] = {0};

    begin();
    ctx = plain_context();
    ssl = SSL_new(ctx);
    sess = make_session("A", TLS1_3_VERSION);
    errno = 77;
    TRACE(SSL_CTX_add_session(NULL, sess));
    TRACE(SSL_CTX_add_session(ctx, NULL));
    TRACE(SSL_CTX_add_session(NULL, NULL));
    TRACE(SSL_CTX_remove_session(NULL, sess));
    TRACE(SSL_CTX_remove_session(NULL, NULL));
    RUN(SSL_CTX_flush_sessions(NULL, 0));
    RUN(SSL_CTX_flush_sessions(NULL, EPOCH));
    TRACE(SSL_CTX_sessions(NULL) == NULL);
    RUN(SSL_CTX_sess_set_new_cb(NULL, new_cb));
    RUN(SSL_CTX_sess_set_remove_cb(NULL, log_remove));
    RUN(SSL_CTX_sess_set_get_cb(NULL, store_get));
    TRACE(SSL_CTX_sess_get_new_cb(NULL) == NULL);
    TRACE(SSL_CTX_sess_get_remove_cb(NULL) == NULL);
    TRACE(SSL_CTX_sess_get_get_cb(NULL) == NULL);
    TRACE(SSL_has_matching_session_id(NULL, id, 32));
    TRACE(SSL_has_matching_session_id(ssl, NULL, 32));
    TRACE(SSL_has_matching_session_id(ssl, NULL, 0));
    TRACE(SSL_CTX_set_generate_session_id(NULL, NULL));
    TRACE(SSL_set_generate_session_id(NULL, NULL));
    TRACE(SSL_set_SSL_CTX(NULL, ctx) == NULL);
    TRACE(errno);
    TRACE(ERR_peek_error());
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(SSL_SESSION_is_resumable(sess));
    SSL_free(ssl);
    SSL_SESSION_free(sess);
    SSL_CTX_free(ctx);
    return finish();
}
