/* ctx_free: what happens to sessions, callbacks and application data when a context ends. */
#include "harness.h"

/* An application's own ex_data on the context: a text that must be usable in remove_cb. */
static int index_before = -1;
static int index_after = -1;
static int session_index = -1;

static void free_text(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    (void)parent, (void)ad, (void)argl, (void)argp;
    if (ptr == NULL)
        return;
    note("free(%s)", idx == index_before ? "before" : "after");
    memset(ptr, '!', strlen(ptr));
    OPENSSL_free(ptr);
}

static const char *text(SSL_CTX *ctx, int index)
{
    const char *found = index < 0 ? NULL : SSL_CTX_get_ex_data(ctx, index);

    return found != NULL ? found : "none";
}

static void tell_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    note("remove(%s,%s,%s)", session_name(sess), text(ctx, index_before), text(ctx, index_after));
}

static void put(SSL_CTX *ctx, const char *name, long timeout)
{
    SSL_SESSION *sess = make_session(name, TLS1_3_VERSION);

    SSL_SESSION_set_timeout(sess, timeout);
    REQUIRE(SSL_CTX_add_session(ctx, sess) == 1);
    SSL_SESSION_free(sess);
}

static void application_data(void)
{
    SSL_CTX *ctx;

    STEP("remove_cb runs for all sessions, while the application's data is still there");
    index_before = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_text);
    ctx = plain_context();
    index_after = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_text);
    REQUIRE(SSL_CTX_set_ex_data(ctx, index_before, OPENSSL_strdup("one")));
    REQUIRE(SSL_CTX_set_ex_data(ctx, index_after, OPENSSL_strdup("two")));
    SSL_CTX_sess_set_remove_cb(ctx, tell_remove);
    put(ctx, "A", 300);
    put(ctx, "B", 100);
    put(ctx, "C", 200);
    RUN(SSL_CTX_free(ctx)); /* C50 C51 */
    print_log();
    TRACE(sessions_alive());

    STEP("the same for a context made after both");
    ctx = plain_context();
    REQUIRE(SSL_CTX_set_ex_data(ctx, index_before, OPENSSL_strdup("one")));
    REQUIRE(SSL_CTX_set_ex_data(ctx, index_after, OPENSSL_strdup("two")));
    SSL_CTX_sess_set_remove_cb(ctx, tell_remove);
    put(ctx, "A", 300);
    RUN(SSL_CTX_free(ctx));
    print_log();
    TRACE(sessions_alive());

    STEP("without a callback, and with nothing cached");
    ctx = plain_context();
    put(ctx, "A", 300);
    put(ctx, "B", 300);
    RUN(SSL_CTX_free(ctx));
    TRACE(sessions_alive());
    ctx = plain_context();
    SSL_CTX_sess_set_remove_cb(ctx, tell_remove);
    RUN(SSL_CTX_free(ctx));
    RUN(SSL_CTX_free(NULL));
    print_log();
}

static void references(void)
{
    SSL_CTX *ctx = plain_context();
    SSL_SESSION *a = make_session("A", TLS1_3_VERSION);
    SSL_SESSION *b = make_session("B", TLS1_3_VERSION);
    SSL *ssl;

    STEP("a session outlives the context it was cached in");
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    TRACE(SSL_CTX_add_session(ctx, a));
    TRACE(SSL_CTX_add_session(ctx, b));
    SSL_SESSION_free(b);
    TRACE(SSL_CTX_up_ref(ctx));
    RUN(SSL_CTX_free(ctx)); /* not the last reference */
    print_log();
    TRACE(SSL_CTX_sess_number(ctx));
    ssl = SSL_new(ctx);
    RUN(SSL_CTX_free(ctx)); /* the connection still holds it */
    print_log();
    RUN(SSL_free(ssl));
    print_log();
    TRACE(sessions_alive());
    TRACE(SSL_SESSION_is_resumable(a));
    TRACE(SSL_SESSION_set_timeout(a, 17));
    TRACE(SSL_SESSION_set_time(a, 18));
    TRACE(SSL_SESSION_get_timeout(a));

    STEP("and goes into another one");
    ctx = plain_context();
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    TRACE(SSL_CTX_add_session(ctx, a));
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(SSL_SESSION_set_timeout(a, 19));
    SSL_SESSION_free(a);
    SSL_CTX_free(ctx);
    print_log();
    TRACE(sessions_alive());
}

/* Sessions with application data of their own: freed once, after remove_cb. */
static void free_mark(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    (void)ad, (void)idx, (void)argl, (void)argp;
    if (ptr != NULL)
        note("gone(%s)", session_name(parent));
}

static void order_of_frees(void)
{
    SSL_CTX *ctx = plain_context();
    SSL_SESSION *sess;

    STEP("a session is freed after its remove_cb");
    session_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, free_mark);
    sess = make_session("A", TLS1_3_VERSION);
    REQUIRE(SSL_SESSION_set_ex_data(sess, session_index, &session_index));
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    TRACE(SSL_CTX_add_session(ctx, sess));
    SSL_SESSION_free(sess);
    RUN(SSL_CTX_free(ctx));
    print_log();
}

static void with_connections(int version)
{
    SSL_CTX *server = server_context(version);
    SSL_CTX *client = client_context(version);
    SSL_SESSION *session = NULL;
    pair p;

    printf("-- contexts freed before their connections, version %x\n", (unsigned)version);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    p = pair_new(server, client, NULL);
    RUN(SSL_CTX_free(server));
    TRACE(handshake(&p));
    TRACE(SSL_CTX_sess_number(SSL_get_SSL_CTX(p.server)));
    session = SSL_get1_session(p.client);
    print_log();
    RUN(pair_close(&p));
    print_log();
    SSL_SESSION_free(session);
    SSL_CTX_free(client);
    TRACE(sessions_alive());
}

static void many(void)
{
    SSL_CTX *ctx[50];
    char name[16];
    int i;
    int j;

    STEP("fifty contexts of ten sessions each");
    for (i = 0; i < 50; i++) {
        ctx[i] = plain_context();
        for (j = 0; j < 10; j++) {
            snprintf(name, sizeof(name), "m%d", j);
            put(ctx[i], name, 300 + j);
        }
    }
    TRACE(sessions_alive());
    for (i = 0; i < 50; i += 2)
        SSL_CTX_free(ctx[i]);
    TRACE(sessions_alive());
    TRACE(SSL_CTX_sess_number(ctx[1]));
    for (i = 1; i < 50; i += 2)
        SSL_CTX_free(ctx[i]);
    TRACE(sessions_alive());
}

int main(void)
{
    begin();
    application_data();
    references();
    order_of_frees();
    with_connections(TLS1_2_VERSION);
    with_connections(TLS1_3_VERSION);
    many();
    return finish();
}
