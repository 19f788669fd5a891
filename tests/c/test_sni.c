/* sni: a servername callback that switches contexts; sessions belong to the first one. */
#include "harness.h"

static SSL_CTX *first;
static SSL_CTX *second;
static SSL_CTX *client;

static const char *which(SSL_CTX *ctx)
{
    return ctx == first ? "first" : ctx == second ? "second" : "other";
}

static int named_new(SSL *ssl, SSL_SESSION *sess)
{
    note("new(%s,%s)", session_name(sess), which(SSL_get_SSL_CTX(ssl)));
    return 0;
}

/* Keeps the session inside: as named_new, with the reference given back by hand. */
static int first_new(SSL *ssl, SSL_SESSION *sess)
{
    named_new(ssl, sess);
    SSL_SESSION_free(sess);
    return 1;
}

static SSL_SESSION *first_get(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    (void)copy;
    note("get(%s,%s)", id_name(id, (unsigned)len), which(SSL_get_SSL_CTX(ssl)));
    return NULL;
}

static void named_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    note("remove(%s,%s)", session_name(sess), which(ctx));
}

static int switch_context(SSL *ssl, int *alert, void *arg)
{
    (void)alert, (void)arg;
    if (SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) != NULL) {
        SSL_set_SSL_CTX(ssl, second);
        note("switch");
    }
    return SSL_TLSEXT_ERR_OK;
}

static void open_contexts(int version)
{
    first = server_context(version);
    second = server_context(version);
    client = client_context(version);
    SSL_CTX_set_num_tickets(first, 1);
    SSL_CTX_set_num_tickets(second, 1);
    SSL_CTX_set_tlsext_servername_callback(first, switch_context);
    SSL_CTX_sess_set_new_cb(first, first_new);
    SSL_CTX_sess_set_get_cb(first, first_get);
    SSL_CTX_sess_set_remove_cb(first, named_remove);
    SSL_CTX_sess_set_new_cb(second, named_new);
    SSL_CTX_sess_set_get_cb(second, first_get);
    SSL_CTX_sess_set_remove_cb(second, named_remove);
}

static void close_contexts(void)
{
    SSL_CTX_free(second);
    print_log();
    SSL_CTX_free(first);
    SSL_CTX_free(client);
    print_log();
    TRACE(sessions_alive());
    forget_names();
}

/* go connects with a server name, offering *session, and keeps what it gets. */
static int go(const char *name, SSL_SESSION **session)
{
    pair p = pair_new(first, client, *session);
    int result = FAILED;

    if (name != NULL)
        SSL_set_tlsext_host_name(p.client, name);
    if (handshake(&p)) {
        result = SSL_session_reused(p.client) ? RESUMED : FULL;
        SSL_SESSION_free(*session);
        *session = SSL_get1_session(p.client);
    }
    pair_close(&p);
    return result;
}

static void numbers(void)
{
    TRACE(SSL_CTX_sess_number(first));
    TRACE(SSL_CTX_sess_number(second));
}

static void switching(int version)
{
    SSL_SESSION *session = NULL;

    printf("-- switched, version %x\n", (unsigned)version);
    open_contexts(version);
    TRACE(go("two.example", &session));
    print_log();
    numbers();
    TRACE(go("two.example", &session));
    print_log();
    numbers();
    print_counters("first", first);
    print_counters("second", second);

    STEP("an offered session that is not there");
    RUN(SSL_CTX_flush_sessions(second, 0));
    numbers();
    RUN(SSL_CTX_flush_sessions(first, 0));
    TRACE(go("two.example", &session));
    print_log();

    STEP("modes of the two differ");
    SSL_CTX_set_session_cache_mode(second, SSL_SESS_CACHE_OFF);
    TRACE(go("two.example", &session));
    print_log();
    SSL_CTX_set_session_cache_mode(second, SSL_SESS_CACHE_SERVER);
    SSL_CTX_set_session_cache_mode(first,
                                   SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP);
    TRACE(go("two.example", &session));
    print_log();
    SSL_SESSION_free(session);
    close_contexts();
}

static void dropped(int version)
{
    pair p;

    printf("-- switched, then dropped without close_notify, version %x\n", (unsigned)version);
    open_contexts(version);
    p = pair_new(first, client, NULL);
    SSL_set_tlsext_host_name(p.client, "two.example");
    TRACE(handshake(&p));
    numbers();
    pair_drop(&p);
    print_log();
    numbers();
    close_contexts();
}

/* The second context ends while the first one's connection goes on. */
static void freed_behind(int version)
{
    SSL_SESSION *session = NULL;
    pair p;

    printf("-- both contexts freed during the connection, version %x\n", (unsigned)version);
    open_contexts(version);
    p = pair_new(first, client, NULL);
    SSL_set_tlsext_host_name(p.client, "two.example");
    SSL_CTX_up_ref(second);
    TRACE(handshake(&p));
    session = SSL_get1_session(p.client);
    SSL_CTX_free(first);
    SSL_CTX_free(second);
    print_log();
    pair_close(&p);
    print_log();
    SSL_SESSION_free(session);
    SSL_CTX_free(second);
    SSL_CTX_free(client);
    print_log();
    TRACE(sessions_alive());
    forget_names();
}

int main(void)
{
    begin();
    switching(TLS1_2_VERSION);
    switching(TLS1_3_VERSION);
    dropped(TLS1_2_VERSION);
    dropped(TLS1_3_VERSION);
    freed_behind(TLS1_2_VERSION);
    freed_behind(TLS1_3_VERSION);
    return finish();
}
