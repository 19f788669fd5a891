// env: SESSCACHE_MODE=takeover
/*
 * Takeover keeps sessions of a context that says NO_INTERNAL. When they leave
 * the core, the application is not told and its objects are not marked: what it
 * keeps itself still resumes.
 */
#include "harness.h"
#include "library.h"

int main(void)
{
    SSL_SESSION *session = NULL;

    begin();
    SSL_CTX *server = server_context(TLS1_2_VERSION);
    SSL_CTX *client = client_context(TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_get_cb(server, store_get);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    TRACE(visit(server, client, &session));
    TRACE(visit(server, client, &session));
    print_log();
    print_stats(server);

    STEP("flushed from the core, it resumes from the application's store");
    RUN(SSL_CTX_flush_sessions(server, 0));
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    TRACE(offer(server, client, session));
    print_log();
    print_stats(server);

    STEP("and from the core again, which has taken it in");
    TRACE(offer(server, client, session));
    print_log();

    STEP("removed by the application it is gone from both");
    SSL_SESSION *ours = SSL_SESSION_dup(session);
    TRACE(SSL_CTX_remove_session(server, ours));
    print_log();
    SSL_SESSION_free(ours);
    store_clear();
    TRACE(offer(server, client, session));
    SSL_SESSION_free(session);
    forget_names();
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    store_clear();
    return finish();
}
