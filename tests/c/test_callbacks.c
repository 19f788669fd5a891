/* callbacks: setters and getters, when each of the three runs, and what it is given. */
#include "harness.h"

static SSL_CTX *server;
static SSL_CTX *client;

static void open_contexts(int version)
{
    server = server_context(version);
    client = client_context(version);
}

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    print_log();
    TRACE(store_clear());
    TRACE(sessions_alive());
    forget_names();
}

static void getters(void)
{
    SSL_CTX *ctx = plain_context();

    STEP("getters return what was set, or NULL");
    TRACE(SSL_CTX_sess_get_new_cb(ctx) == NULL); /* C52 */
    TRACE(SSL_CTX_sess_get_remove_cb(ctx) == NULL);
    TRACE(SSL_CTX_sess_get_get_cb(ctx) == NULL);
    RUN(SSL_CTX_sess_set_new_cb(ctx, keep_new));
    TRACE(SSL_CTX_sess_get_new_cb(ctx) == keep_new);
    TRACE(SSL_CTX_sess_get_remove_cb(ctx) == NULL);
    TRACE(SSL_CTX_sess_get_get_cb(ctx) == NULL);
    RUN(SSL_CTX_sess_set_remove_cb(ctx, log_remove));
    RUN(SSL_CTX_sess_set_get_cb(ctx, store_get));
    TRACE(SSL_CTX_sess_get_new_cb(ctx) == keep_new);
    TRACE(SSL_CTX_sess_get_remove_cb(ctx) == log_remove);
    TRACE(SSL_CTX_sess_get_get_cb(ctx) == store_get);
    RUN(SSL_CTX_sess_set_new_cb(ctx, refuse_new));
    RUN(SSL_CTX_sess_set_get_cb(ctx, miss_get));
    TRACE(SSL_CTX_sess_get_new_cb(ctx) == refuse_new);
    TRACE(SSL_CTX_sess_get_get_cb(ctx) == miss_get);
    RUN(SSL_CTX_sess_set_new_cb(ctx, NULL));
    RUN(SSL_CTX_sess_set_remove_cb(ctx, NULL));
    RUN(SSL_CTX_sess_set_get_cb(ctx, NULL));
    TRACE(SSL_CTX_sess_get_new_cb(ctx) == NULL);
    TRACE(SSL_CTX_sess_get_remove_cb(ctx) == NULL);
    TRACE(SSL_CTX_sess_get_get_cb(ctx) == NULL);
    SSL_CTX_free(ctx);
}

/* What new_cb and remove_cb are given. */
static SSL_SESSION *seen;
static SSL *seen_by;
static long alive_in_callback;

static int look_new(SSL *ssl, SSL_SESSION *sess)
{
    unsigned int len;

    note("new(%s,server=%d,init=%d,same=%d)", session_name(sess), SSL_is_server(ssl),
         SSL_in_init(ssl), SSL_get_session(ssl) == sess);
    SSL_SESSION_get_id(sess, &len);
    note("idlen=%u,resumable=%d,number=%ld", len, SSL_SESSION_is_resumable(sess),
         SSL_CTX_sess_number(SSL_get_SSL_CTX(ssl)));
    seen = sess;
    seen_by = ssl;
    return 1;
}

static void look_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    note("remove(%s,ctx=%d,seen=%d,resumable=%d,number=%ld)", session_name(sess), ctx == server,
         sess == seen, SSL_SESSION_is_resumable(sess), SSL_CTX_sess_number(ctx));
    alive_in_callback = sessions_alive();
}

static void arguments(int version)
{
    SSL_SESSION *session = NULL;
    pair p;

    printf("-- arguments of the callbacks, version %x\n", (unsigned)version);
    open_contexts(version);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_sess_set_new_cb(server, look_new);
    SSL_CTX_sess_set_remove_cb(server, look_remove);
    SSL_CTX_sess_set_get_cb(server, miss_get);
    p = pair_new(server, client, NULL);
    TRACE(handshake(&p)); /* C41 C46 */
    print_log();
    TRACE(seen_by == p.server);
    session = SSL_get1_session(p.client);
    pair_close(&p);
    print_log();

    STEP("found inside: get_cb is not asked");
    if (version != TLS1_3_VERSION) {
        TRACE(offer(server, client, session)); /* C53 */
        print_log();
    }
    SSL_SESSION_free(session);

    STEP("the cache's reference lives until remove_cb has returned");
    SSL_SESSION_free(seen); /* the one that new_cb kept */
    TRACE(sessions_alive());
    RUN(SSL_CTX_flush_sessions(server, 0)); /* C51 */
    print_log();
    TRACE(alive_in_callback);
    TRACE(sessions_alive());
    close_contexts();
}

/* new_cb's two answers, with the sessions cached inside before and after. */
static void answers(int version, int (*new_cb)(SSL *, SSL_SESSION *), const char *name)
{
    SSL_SESSION *session = NULL;

    printf("-- %s, version %x\n", name, (unsigned)version);
    open_contexts(version);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_sess_set_new_cb(server, new_cb);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    TRACE(visit(server, client, &session));
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    TRACE(sessions_alive()); /* C43 C45 */
    RUN(SSL_CTX_flush_sessions(server, 0));
    print_log();
    TRACE(sessions_alive());
    SSL_SESSION_free(session);
    session = NULL;

    STEP("does it resume");
    TRACE(visit(server, client, &session));
    TRACE(offer(server, client, session)); /* C44 */
    SSL_SESSION_free(session);
    print_log();
    close_contexts();
}

/* new_cb that adds the session itself before it says 0: that one stays. */
static int add_and_refuse(SSL *ssl, SSL_SESSION *sess)
{
    note("new(%s) add=%d", session_name(sess), SSL_CTX_add_session(SSL_get_SSL_CTX(ssl), sess));
    return 0;
}

static void explicit_add(void)
{
    SSL_SESSION *session = NULL;

    STEP("0 from new_cb, NO_INTERNAL_STORE, and the application added the session itself");
    open_contexts(TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(server,
                                   SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(server, add_and_refuse);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    TRACE(visit(server, client, &session));
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    TRACE(offer(server, client, session));
    SSL_SESSION_free(session);
    close_contexts();
}

static void changed(void)
{
    SSL_SESSION *session = NULL;

    STEP("callbacks may be changed and taken away at any time");
    open_contexts(TLS1_2_VERSION);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    TRACE(visit(server, client, &session));
    SSL_CTX_sess_set_new_cb(server, NULL);
    SSL_CTX_sess_set_remove_cb(server, NULL);
    print_log();
    RUN(SSL_CTX_flush_sessions(server, 0));
    TRACE(visit(server, client, &session));
    print_log();
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    SSL_SESSION_free(session);
    close_contexts();
}

static void no_id(void)
{
    SSL_SESSION *session = NULL;

    STEP("TLS 1.2 with tickets: no ID, no callback, nothing cached");
    open_contexts(TLS1_2_VERSION);
    SSL_CTX_clear_options(server, SSL_OP_NO_TICKET);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    SSL_CTX_sess_set_get_cb(server, miss_get);
    TRACE(visit(server, client, &session));
    TRACE(visit(server, client, &session));
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    SSL_SESSION_free(session);
    close_contexts();
}

int main(void)
{
    begin();
    getters();
    arguments(TLS1_2_VERSION);
    arguments(TLS1_3_VERSION);
    answers(TLS1_2_VERSION, keep_new, "new_cb returns 1");
    answers(TLS1_3_VERSION, keep_new, "new_cb returns 1");
    answers(TLS1_2_VERSION, refuse_new, "new_cb returns 0");
    answers(TLS1_3_VERSION, refuse_new, "new_cb returns 0");
    explicit_add();
    changed();
    no_id();
    return finish();
}
