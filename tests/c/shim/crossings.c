/*
 * Laws of the seam, on the shim without Go: at most one crossing for a hit, an
 * add, a removal, whatever they displace; none, and no start of the core, in a
 * process whose contexts keep nothing here.
 */
#include "../harness.h"
#include "fake_core.h"
#include "libssl.h"

#include <openssl/lhash.h>

static int failures;

static void expect(const char *what, int got, int want)
{
    if (got != want) {
        fprintf(stderr, "%s: %d, expected %d\n", what, got, want);
        failures++;
    }
}

/* A session that is found and has not expired. */
static SSL_SESSION *found;

/* A flushed session is marked as not resumable; its DER knows nothing of that. */
static SSL_SESSION *as_resumable(SSL_SESSION *sess)
{
    unsigned char der[4096], *end = der;
    const unsigned char *start = der;
    const int len = i2d_SSL_SESSION(sess, NULL);

    REQUIRE(len > 0 && len <= (int)sizeof der);
    i2d_SSL_SESSION(sess, &end);
    SSL_SESSION_free(sess);
    return d2i_SSL_SESSION(NULL, &start, len);
}

static SSL_SESSION *get_found(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    (void)ssl, (void)id, (void)len, (void)copy;
    return found;
}

static void contexts_that_keep_nothing(void)
{
    SSL_CTX *server = server_context(TLS1_2_VERSION);
    SSL_CTX *client = client_context(TLS1_2_VERSION);
    SSL_SESSION *session = NULL;

    crossings();
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_cache_size(server, 10);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_get_cb(server, store_get);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    REQUIRE(visit(server, client, &session) == FULL);
    REQUIRE(visit(server, client, &session) == RESUMED);
    SSL_CTX_flush_sessions(server, 0);
    REQUIRE(SSL_CTX_sess_number(server) == 0);
    SSL_SESSION_free(session);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    store_clear();
    expect("crossings of contexts that keep nothing", crossings(), 0);
    expect("starts of the core for contexts that keep nothing", core_starts(), 0);
}

static void functions(void)
{
    SSL_CTX *ctx = plain_context();
    SSL_SESSION *first = make_session("first", TLS1_2_VERSION);
    SSL_SESSION *twin = make_session("first", TLS1_2_VERSION);
    SSL_SESSION *second = make_session("second", TLS1_2_VERSION);
    SSL_SESSION *third = make_session("third", TLS1_2_VERSION);

    SSL_CTX_sess_set_cache_size(ctx, 2);
    REQUIRE(SSL_CTX_remove_session(ctx, third) == 0);
    expect("a removal from a cache that was never used", crossings(), 0);
    expect("starts of the core before the first add", core_starts(), 0);
    REQUIRE(SSL_CTX_add_session(ctx, first) == 1);
    expect("starts of the core at the first add", core_starts(), 1);
    expect("the first add, which makes the table", crossings(), 3);
    REQUIRE(SSL_CTX_add_session(ctx, first) == 0);
    expect("an add of the same object", crossings(), 1);
    REQUIRE(SSL_CTX_add_session(ctx, twin) == 1);
    expect("an add that replaces", crossings(), 1);
    REQUIRE(SSL_CTX_add_session(ctx, second) == 1);
    expect("an add", crossings(), 1);
    REQUIRE(SSL_CTX_add_session(ctx, third) == 1);
    expect("an add that evicts", crossings(), 1);
    REQUIRE(SSL_CTX_remove_session(ctx, third) == 1);
    expect("a removal", crossings(), 1);
    REQUIRE(SSL_CTX_remove_session(ctx, first) == 0);
    expect("a removal of what is not there", crossings(), 1);
    SSL_SESSION_free(first);
    SSL_SESSION_free(twin);
    SSL_SESSION_free(second);
    SSL_SESSION_free(third);
    SSL_CTX_free(ctx);
}

static void handshakes(int version)
{
    SSL_CTX *server = server_context(version);
    SSL_CTX *client = client_context(version);
    SSL_SESSION *session = NULL;
    pair p;

    REQUIRE(visit(server, client, &session) == FULL);
    crossings();
    p = pair_new(server, client, session);
    REQUIRE(handshake(&p) && SSL_session_reused(p.server));
    /* TLS 1.3 issues a ticket: an add. */
    expect("a resumed handshake", crossings(), version == TLS1_3_VERSION ? 2 : 1);
    pair_close(&p);
    expect("the end of its connection", crossings(), 0);
    SSL_SESSION_free(session);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

/* A session that the application finds is a miss of the core's and an add to it. */
static void hit_of_the_application(void)
{
    SSL_CTX *server = server_context(TLS1_2_VERSION);
    SSL_CTX *client = client_context(TLS1_2_VERSION);
    pair p = pair_new(server, client, NULL);

    REQUIRE(handshake(&p));
    found = SSL_get1_session(p.server);
    SSL_SESSION *offered = SSL_get1_session(p.client);
    pair_close(&p);
    SSL_CTX_flush_sessions(server, 0);
    found = as_resumable(found);
    SSL_CTX_sess_set_get_cb(server, get_found);
    crossings();
    p = pair_new(server, client, offered);
    REQUIRE(handshake(&p) && SSL_session_reused(p.server));
    expect("a handshake that the application's get callback resumes", crossings(), 2);
    pair_close(&p);
    SSL_SESSION_free(offered);
    SSL_SESSION_free(found);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

/* Between the parts of its removal, others evict a session and store it once more. */
static SSL_CTX *busy;
static SSL_SESSION *stored;

static void evict_and_add(void)
{
    evict_all();
    REQUIRE(SSL_CTX_add_session(busy, stored) == 1);
}

static void removal_overtaken(void)
{
    busy = plain_context();
    stored = make_session("overtaken", TLS1_2_VERSION);
    REQUIRE(SSL_CTX_add_session(busy, stored) == 1);
    show_last();
    before_removal(evict_and_add);
    REQUIRE(SSL_CTX_remove_session(busy, stored) == 1);
    REQUIRE(SSL_CTX_sess_number(busy) == 0);
    SSL_SESSION_free(stored);
    expect("sessions left by a removal that was overtaken", (int)sessions_alive(), 0);
    SSL_CTX_free(busy);
}

/* A session is added while libssl removes one of the same ID: its copy has what the cache has. */
static void add_stored(void)
{
    REQUIRE(SSL_CTX_add_session(busy, stored) == 1);
}

static void copy_overtaken(void)
{
    SSL_SESSION *sess = make_session("twin", TLS1_2_VERSION);

    busy = plain_context();
    stored = make_session("twin", TLS1_2_VERSION);
    REQUIRE(SSL_CTX_add_session(busy, sess) == 1);
    const LHASH_OF(SSL_SESSION) *copy = SSL_CTX_sessions(busy); /* from here on there is one */
    before_removal(add_stored);
    /* As libssl does it, where its calls do not come to us. */
    REQUIRE(ssc_libssl()->SSL_CTX_remove_session(busy, sess) == 1);
    expect("sessions cached", (int)SSL_CTX_sess_number(busy), 0);
    expect("sessions in libssl's copy", (int)OPENSSL_LH_num_items((const OPENSSL_LHASH *)copy), 0);
    SSL_SESSION_free(sess);
    SSL_SESSION_free(stored);
    SSL_CTX_free(busy);
}

/* What was displaced, and not handed out to any thread, ends with the context at the latest. */
static void end_with_debts(void)
{
    SSL_CTX *ctx = plain_context();
    SSL_SESSION *sess = make_session("displaced", TLS1_2_VERSION);

    REQUIRE(SSL_CTX_add_session(ctx, sess) == 1);
    owe_last();
    SSL_SESSION_free(sess);
    SSL_CTX_free(ctx);
    expect("sessions left by a context", (int)sessions_alive(), 0);
}

int main(void)
{
    begin();
    contexts_that_keep_nothing();
    functions();
    handshakes(TLS1_2_VERSION);
    handshakes(TLS1_3_VERSION);
    hit_of_the_application();
    end_with_debts();
    copy_overtaken();
    removal_overtaken();
    const int status = finish();
    return failures != 0 || status != 0;
}
