/* sessions: SSL_CTX_sessions, libssl's own hash table of what is cached. */
#include "harness.h"

static int seen;

static void count(SSL_SESSION *sess)
{
    (void)sess;
    seen++;
}

DEFINE_LHASH_OF(SSL_SESSION);

/* items prints what the table says and what a walk over it finds. */
static void items(SSL_CTX *ctx)
{
    LHASH_OF(SSL_SESSION) *table = SSL_CTX_sessions(ctx);

    seen = 0;
    lh_SSL_SESSION_doall(table, count);
    printf("items %lu, walked %d, number %ld\n", lh_SSL_SESSION_num_items(table), seen,
           SSL_CTX_sess_number(ctx));
}

static void put(SSL_CTX *ctx, const char *name, long timeout)
{
    SSL_SESSION *sess = make_session(name, TLS1_3_VERSION);

    SSL_SESSION_set_timeout(sess, timeout);
    TRACE(SSL_CTX_add_session(ctx, sess));
    SSL_SESSION_free(sess);
}

static int found(SSL_CTX *ctx, SSL_SESSION *sess)
{
    return lh_SSL_SESSION_retrieve(SSL_CTX_sessions(ctx), sess) != NULL;
}

static void by_hand(void)
{
    SSL_CTX *ctx = plain_context();
    SSL_SESSION *sess = make_session("A", TLS1_3_VERSION);
    SSL_SESSION *twin = make_session("A", TLS1_3_VERSION);

    STEP("the table follows the cache");
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    TRACE(SSL_CTX_sessions(ctx) != NULL); /* C102 */
    items(ctx);
    TRACE(SSL_CTX_add_session(ctx, sess));
    items(ctx);
    TRACE(found(ctx, sess));
    TRACE(found(ctx, twin));
    put(ctx, "B", 100);
    put(ctx, "C", 300);
    items(ctx);
    TRACE(SSL_CTX_add_session(ctx, twin));
    items(ctx);
    TRACE(lh_SSL_SESSION_retrieve(SSL_CTX_sessions(ctx), sess) == twin);
    TRACE(SSL_CTX_remove_session(ctx, twin));
    items(ctx);
    TRACE(found(ctx, twin));
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH + 200));
    items(ctx);
    print_log();
    SSL_SESSION_free(sess);
    SSL_SESSION_free(twin);
    TRACE(sessions_alive());
    RUN(SSL_CTX_flush_sessions(ctx, 0));
    items(ctx);
    put(ctx, "D", 300);
    put(ctx, "E", 300);
    items(ctx);
    print_log();
    SSL_CTX_free(ctx);
    print_log();
    TRACE(sessions_alive());
}

static void asked_late(void)
{
    SSL_CTX *ctx = plain_context();

    STEP("asked for when sessions are cached already");
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    put(ctx, "A", 300);
    put(ctx, "B", 200);
    put(ctx, "C", 100);
    items(ctx);
    TRACE(SSL_CTX_sessions(ctx) == SSL_CTX_sessions(ctx));
    SSL_CTX_sess_set_cache_size(ctx, 1);
    put(ctx, "D", 300);
    items(ctx);
    print_log();
    SSL_CTX_free(ctx);
    print_log();
    TRACE(sessions_alive());
}

static void with_handshakes(int version)
{
    SSL_CTX *server = server_context(version);
    SSL_CTX *client = client_context(version);
    SSL_SESSION *session = NULL;
    pair p;

    printf("-- with handshakes, version %x\n", (unsigned)version);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    items(server);
    TRACE(visit(server, client, &session));
    items(server);
    TRACE(offer(server, client, session));
    items(server);
    p = pair_new(server, client, NULL);
    TRACE(handshake(&p));
    items(server);
    pair_drop(&p);
    items(server);
    advance(100000);
    SSL_SESSION_set_timeout(session, 1000000);
    TRACE(offer(server, client, session));
    items(server);
    set_clock(EPOCH);
    print_counters("server", server);
    RUN(SSL_CTX_flush_sessions(server, 0));
    items(server);
    SSL_SESSION_free(session);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    print_log();
    TRACE(sessions_alive());
}

int main(void)
{
    begin();
    by_hand();
    asked_late();
    with_handshakes(TLS1_2_VERSION);
    with_handshakes(TLS1_3_VERSION);
    return finish();
}
