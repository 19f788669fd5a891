/* generate_id: callbacks that make session IDs, and SSL_has_matching_session_id. */
#include "harness.h"

static SSL_CTX *server;
static SSL_CTX *client;

static void open_contexts(int version)
{
    server = server_context(version);
    client = client_context(version);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
}

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    print_log();
    store_clear();
    TRACE(sessions_alive());
    forget_names();
}

static int counter;

/* Writes a number at the front; tells what it was given. */
static int numbered_id(SSL *ssl, unsigned char *id, unsigned int *len)
{
    unsigned int i;
    unsigned int zeros = 0;

    for (i = 0; i < *len; i++)
        zeros += id[i] == 0;
    note("id(len=%u,zeros=%u,server=%d)", *len, zeros, SSL_is_server(ssl));
    snprintf((char *)id, *len, "number-%d", ++counter);
    return 1;
}

static int short_id(SSL *ssl, unsigned char *id, unsigned int *len)
{
    (void)ssl;
    memcpy(id, "short", 5);
    *len = 5;
    return 1;
}

static int no_id(SSL *ssl, unsigned char *id, unsigned int *len)
{
    (void)ssl, (void)id, (void)len;
    note("id");
    return 0;
}

static int empty_id(SSL *ssl, unsigned char *id, unsigned int *len)
{
    (void)ssl, (void)id;
    *len = 0;
    return 1;
}

static int long_id(SSL *ssl, unsigned char *id, unsigned int *len)
{
    (void)ssl, (void)id;
    *len = *len + 1;
    return 1;
}

static int same_id(SSL *ssl, unsigned char *id, unsigned int *len)
{
    memset(id, 's', *len);
    note("match=%d", SSL_has_matching_session_id(ssl, id, *len));
    return 1;
}

/* Steps over the IDs that are taken. */
static int careful_id(SSL *ssl, unsigned char *id, unsigned int *len)
{
    unsigned char c = 'a';

    do
        memset(id, c++, *len);
    while (SSL_has_matching_session_id(ssl, id, *len));
    note("chose(%c)", c - 1);
    return 1;
}

static void chosen(int version)
{
    SSL_SESSION *session = NULL;
    SSL_SESSION *of_server;
    unsigned int len;

    printf("-- an ID of our own, version %x\n", (unsigned)version);
    open_contexts(version);
    counter = 0;
    TRACE(SSL_CTX_set_generate_session_id(server, numbered_id)); /* C93 C101 */
    TRACE(visit(server, client, &session));                      /* C96 */
    of_server = store_find(
        (const unsigned char *)"number-1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32);
    TRACE(of_server != NULL);
    SSL_SESSION_get_id(session, &len);
    TRACE(len);
    TRACE(offer(server, client, session));
    print_log();
    RUN(SSL_CTX_set_generate_session_id(server, NULL));
    TRACE(offer(server, client, NULL));
    print_log();
    SSL_SESSION_free(session);
    close_contexts();
}

static void of_connection(void)
{
    SSL_SESSION *session;
    pair p;

    STEP("the connection's callback goes before the context's");
    open_contexts(TLS1_2_VERSION);
    SSL_CTX_set_generate_session_id(server, no_id);
    p = pair_new(server, client, NULL);
    TRACE(SSL_set_generate_session_id(p.server, careful_id)); /* C94 C101 */
    TRACE(handshake(&p));
    session = SSL_get1_session(p.client);
    pair_close(&p);
    print_log();
    TRACE(offer(server, client, session));
    p = pair_new(server, client, NULL);
    TRACE(SSL_set_generate_session_id(p.server, NULL));
    TRACE(handshake(&p));
    pair_drop(&p);
    print_log();
    SSL_SESSION_free(session);
    close_contexts();
}

static void refused(const char *name, int version, GEN_SESSION_CB callback)
{
    printf("-- %s, version %x\n", name, (unsigned)version);
    open_contexts(version);
    SSL_CTX_set_generate_session_id(server, callback);
    TRACE(offer(server, client, NULL)); /* C98 C99 */
    TRACE(offer(server, client, NULL));
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    close_contexts();
}

static void short_ids(void)
{
    SSL_SESSION *session = NULL;
    unsigned int len;

    STEP("a shorter ID");
    open_contexts(TLS1_2_VERSION);
    SSL_CTX_set_generate_session_id(server, short_id);
    TRACE(visit(server, client, &session)); /* C97 */
    SSL_SESSION_get_id(session, &len);
    TRACE(len);
    TRACE(offer(server, client, session));
    print_log();
    SSL_SESSION_free(session);
    close_contexts();
}

static void stepping(int version)
{
    SSL_SESSION *session = NULL;

    printf("-- conflicts that the callback steps over, version %x\n", (unsigned)version);
    open_contexts(version);
    SSL_CTX_set_generate_session_id(server, careful_id);
    TRACE(offer(server, client, NULL)); /* C95 */
    TRACE(offer(server, client, NULL));
    TRACE(visit(server, client, &session));
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    RUN(SSL_CTX_flush_sessions(server, 0));
    print_log();
    TRACE(offer(server, client, NULL));
    print_log();
    SSL_SESSION_free(session);
    close_contexts();
}

/* The internal cache is asked, not the external one, and not another context's. */
static void internal_only(void)
{
    SSL_CTX *other = plain_context();
    SSL_SESSION *sess = make_session("A", TLS1_3_VERSION);

    STEP("only the internal cache is asked");
    open_contexts(TLS1_3_VERSION);
    SSL_CTX_sess_set_get_cb(server, store_get);
    SSL_SESSION_up_ref(sess);
    store_put(sess);
    TRACE(cached(server, "A")); /* C100 */
    TRACE(SSL_CTX_add_session(other, sess));
    TRACE(cached(server, "A"));
    TRACE(cached(other, "A"));
    SSL_CTX_set_session_cache_mode(other, SSL_SESS_CACHE_NO_INTERNAL);
    TRACE(cached(other, "A"));
    advance(100000); /* an expired one still takes the ID */
    TRACE(cached(other, "A"));
    RUN(SSL_CTX_flush_sessions(other, EPOCH + 100000));
    TRACE(cached(other, "A"));
    set_clock(EPOCH);
    print_log();
    SSL_SESSION_free(sess);
    SSL_CTX_free(other);
    close_contexts();
}

int main(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    int i;

    begin();
    for (i = 0; i < 2; i++) {
        chosen(versions[i]);
        refused("the callback fails", versions[i], no_id);
        refused("an empty ID", versions[i], empty_id);
        refused("an ID longer than there is room", versions[i], long_id);
        refused("the same ID again", versions[i], same_id);
        stepping(versions[i]);
    }
    of_connection();
    short_ids();
    internal_only();
    return finish();
}
