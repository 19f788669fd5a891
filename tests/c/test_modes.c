/* modes: what each session cache mode stores, looks up and asks the callbacks. */
#include "harness.h"

static SSL_CTX *server;
static SSL_CTX *client;

static void open_contexts(int version, long mode)
{
    server = server_context(version);
    client = client_context(version);
    SSL_CTX_set_session_cache_mode(server, mode);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
}

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    print_log();
    store_clear();
    TRACE(sessions_alive());
}

static void values(void)
{
    SSL_CTX *ctx = plain_context();
    long mode;

    STEP("set returns the mode before, get the mode now");
    TRACE(SSL_CTX_get_session_cache_mode(ctx) == SSL_SESS_CACHE_SERVER); /* C18 */
    TRACE(SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF));      /* C16 */
    TRACE(SSL_CTX_get_session_cache_mode(ctx));                          /* C17 */
    for (mode = 1; mode <= 0x800; mode <<= 1) {
        TRACE(SSL_CTX_set_session_cache_mode(ctx, mode));
        TRACE(SSL_CTX_get_session_cache_mode(ctx));
    }
    TRACE(SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH | SSL_SESS_CACHE_NO_INTERNAL));
    TRACE(SSL_CTX_set_session_cache_mode(ctx, 0x7fffffff));
    TRACE(SSL_CTX_get_session_cache_mode(ctx));
    SSL_CTX_free(ctx);
}

/* visits makes three connections, each offering the session of the one before. */
static void visits(void)
{
    SSL_SESSION *session = NULL;

    TRACE(visit(server, client, &session));
    print_log();
    TRACE(visit(server, client, &session));
    print_log();
    TRACE(visit(server, client, &session));
    print_log();
    printf("number=%ld hits=%ld cb_hits=%ld misses=%ld\n", SSL_CTX_sess_number(server),
           SSL_CTX_sess_hits(server), SSL_CTX_sess_cb_hits(server), SSL_CTX_sess_misses(server));
    SSL_SESSION_free(session);
}

/* one_mode shows a mode without and with an external cache behind new_cb and get_cb. */
static void one_mode(const char *name, int version, long mode)
{
    printf("-- %s, %s, internal cache only\n", name, version == TLS1_3_VERSION ? "1.3" : "1.2");
    open_contexts(version, mode);
    visits();
    close_contexts();

    printf("-- %s, %s, with an external cache\n", name, version == TLS1_3_VERSION ? "1.3" : "1.2");
    open_contexts(version, mode);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_get_cb(server, store_get);
    visits();
    close_contexts();
}

static void matrix(int version)
{
    one_mode("SERVER", version, SSL_SESS_CACHE_SERVER); /* C23 C24 C25 C28 */
    one_mode("OFF", version, SSL_SESS_CACHE_OFF);       /* C19 C42 */
    one_mode("CLIENT", version, SSL_SESS_CACHE_CLIENT); /* on a server as OFF */
    one_mode("BOTH", version, SSL_SESS_CACHE_BOTH);     /* C26 */
    one_mode("NO_INTERNAL_LOOKUP", version,             /* C32 C33 C40 */
             SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP);
    one_mode("NO_INTERNAL_STORE", version, /* C12 C35 C36 */
             SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    one_mode("NO_INTERNAL", version, /* C38 */
             SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    one_mode("OFF and NO_INTERNAL", version, SSL_SESS_CACHE_NO_INTERNAL);
}

/* The application adds sessions itself, as stunnel does. */
static void by_hand(long mode)
{
    SSL_SESSION *session = NULL;
    pair p;

    printf("-- the server adds its session itself, mode %ld\n", mode);
    open_contexts(TLS1_2_VERSION, mode);
    p = pair_new(server, client, NULL);
    REQUIRE(handshake(&p));
    TRACE(SSL_CTX_sess_number(server));
    TRACE(SSL_CTX_add_session(server, SSL_get_session(p.server))); /* C14 */
    session = SSL_get1_session(p.client);
    pair_close(&p);
    TRACE(offer(server, client, session)); /* C13 */
    print_log();
    SSL_SESSION_free(session);
    close_contexts();
}

/*
 * A first context fills the external cache and keeps nothing itself; a second
 * one, in the part of another process, finds the session there.
 */
static void promotion(int version, long mode)
{
    SSL_SESSION *session = NULL;

    printf("-- external hits of a context of mode %ld, version %x\n", mode, (unsigned)version);
    open_contexts(version, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    TRACE(visit(server, client, &session));
    print_log();
    SSL_CTX_free(server);
    server = server_context(version);
    SSL_CTX_set_session_cache_mode(server, mode);
    SSL_CTX_sess_set_get_cb(server, store_get);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    TRACE(offer(server, client, session)); /* C37 C56 */
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    TRACE(offer(server, client, session)); /* C53 */
    print_log();
    print_counters("server", server);
    SSL_SESSION_free(session);
    close_contexts();
}

static void switching(void)
{
    SSL_SESSION *session = NULL;

    STEP("a mode set later holds from then on");
    open_contexts(TLS1_2_VERSION, SSL_SESS_CACHE_OFF);
    TRACE(visit(server, client, &session));
    TRACE(SSL_CTX_sess_number(server));
    RUN(SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER));
    TRACE(visit(server, client, &session));
    TRACE(SSL_CTX_sess_number(server));
    TRACE(visit(server, client, &session));
    RUN(SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF));
    TRACE(offer(server, client, session)); /* what is cached is still found */
    TRACE(SSL_CTX_sess_number(server));
    RUN(SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_NO_INTERNAL_LOOKUP));
    TRACE(offer(server, client, session));
    TRACE(SSL_CTX_sess_number(server));
    RUN(SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER));
    TRACE(offer(server, client, session));
    print_log();
    SSL_SESSION_free(session);
    close_contexts();
}

int main(void)
{
    begin();
    values();
    matrix(TLS1_2_VERSION);
    matrix(TLS1_3_VERSION);
    by_hand(SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    by_hand(SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    by_hand(SSL_SESS_CACHE_OFF);
    promotion(TLS1_2_VERSION, SSL_SESS_CACHE_SERVER);
    promotion(TLS1_2_VERSION, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    promotion(TLS1_2_VERSION, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP);
    promotion(TLS1_2_VERSION, SSL_SESS_CACHE_OFF);
    promotion(TLS1_2_VERSION, SSL_SESS_CACHE_CLIENT);
    promotion(TLS1_3_VERSION, SSL_SESS_CACHE_OFF);
    promotion(TLS1_3_VERSION, SSL_SESS_CACHE_SERVER);
    switching();
    return finish();
}
