/*
 * lib_onethread: the Go runtime starts with the first session that the cache
 * has to keep, and not before. Its threads leave malloc alone, which would make an
 * arena of 64 MB of addresses for each.
 */
#include "library.h"

#include <malloc.h>

static int arenas(void)
{
    char *text = NULL;
    size_t len;
    FILE *info = open_memstream(&text, &len);
    int n = 0;

    REQUIRE(info != NULL && malloc_info(0, info) == 0 && fclose(info) == 0);
    for (const char *heap = text; (heap = strstr(heap, "<heap nr=")) != NULL; heap++)
        n++;
    free(text);
    return n;
}

static int drop_new(SSL *ssl, SSL_SESSION *sess)
{
    (void)ssl, (void)sess;
    return 0;
}

int main(void)
{
    SSL_CTX *server;
    SSL_CTX *client;
    SSL_SESSION *session = NULL;
    SSL_SESSION *sess;

    TRACE(thread_count());
    begin();
    STEP("loaded");
    TRACE(thread_count());

    STEP("contexts made, configured and freed");
    server = server_context(0);
    client = client_context(TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_BOTH);
    SSL_CTX_sess_set_cache_size(server, 100);
    SSL_CTX_sess_set_new_cb(server, drop_new);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    SSL_CTX_sess_set_get_cb(server, miss_get);
    SSL_CTX_set_timeout(server, 100);
    SSL_CTX_set_generate_session_id(server, NULL);
    SSL_CTX_flush_sessions(server, 0);
    SSL_CTX_flush_sessions(server, EPOCH);
    print_counters("server", server);
    TRACE(cached(server, "A"));
    sess = make_session("A", TLS1_3_VERSION);
    SSL_SESSION_set_timeout(sess, 100);
    SSL_SESSION_set_time(sess, 100);
    TRACE(SSL_CTX_remove_session(server, sess));
    SSL_SESSION_free(sess);
    print_stats(server);
    TRACE(library_attached(server));
    SSL_CTX_free(plain_context());
    TRACE(thread_count());

    STEP("an application that keeps its sessions itself");
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_get_cb(server, store_get);
    TRACE(visit(server, client, &session));
    TRACE(visit(server, client, &session));
    TRACE(thread_count());
    SSL_SESSION_free(session);
    session = NULL;
    store_clear();

    STEP("clients that cache nothing");
    TRACE(offer(server, client, NULL));
    TRACE(thread_count());
    store_clear();

    STEP("the first session to keep");
    TRACE(arenas());
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER);
    TRACE(visit(server, client, &session));
    TRACE(thread_count() > 1);
    /* Where there are many processors one of its threads may have made another already. */
    TRACE(arenas() <= 2);
    TRACE(visit(server, client, &session));
    store_clear();
    SSL_SESSION_free(session);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    return finish();
}
