/*
 * lib_reenter: remove_cb calls back into the cache below a flush, an eviction
 * and SSL_CTX_free, where stock libssl up to 3.5 calls it under its lock and
 * would wait for itself.
 */
#include "harness.h"

static SSL_CTX *ctx;
static SSL_CTX *other;
static int nested;

static void put(SSL_CTX *where, const char *name, long timeout)
{
    SSL_SESSION *sess = make_session(name, TLS1_3_VERSION);

    SSL_SESSION_set_timeout(sess, timeout);
    REQUIRE(SSL_CTX_add_session(where, sess) == 1);
    SSL_SESSION_free(sess);
}

static void turning_remove(SSL_CTX *where, SSL_SESSION *sess)
{
    SSL_SESSION *extra;

    note("remove(%s)", session_name(sess));
    if (nested)
        return;
    nested = 1;
    note("[number=%ld", SSL_CTX_sess_number(where));
    put(where, "N", 300);
    extra = make_session("R", TLS1_3_VERSION);
    note("add=%d", SSL_CTX_add_session(where, extra));
    note("again=%d", SSL_CTX_add_session(where, extra));
    SSL_SESSION_set_timeout(extra, 100);
    note("has=%d", cached(where, "R"));
    note("take=%d", SSL_CTX_remove_session(where, extra));
    SSL_SESSION_free(extra);
    put(where, "O", 1);
    SSL_CTX_flush_sessions(where, EPOCH + 2);
    SSL_CTX_sess_set_remove_cb(where, turning_remove);
    SSL_CTX_set_session_cache_mode(where, SSL_SESS_CACHE_BOTH);
    put(other, "P", 300);
    SSL_CTX_free(other);
    other = plain_context();
    note("number=%ld]", SSL_CTX_sess_number(where));
    nested = 0;
}

static void in_flush(void)
{
    STEP("below a flush of what has expired");
    ctx = plain_context();
    other = plain_context();
    put(ctx, "A", 10);
    put(ctx, "B", 20);
    put(ctx, "C", 300);
    SSL_CTX_sess_set_remove_cb(ctx, turning_remove);
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH + 100));
    print_log();
    TRACE(SSL_CTX_sess_number(ctx));
    SSL_CTX_sess_set_remove_cb(ctx, NULL);
    SSL_CTX_free(ctx);
    SSL_CTX_free(other);
    TRACE(sessions_alive());

    STEP("below flush(0): what a callback adds meanwhile stays");
    ctx = plain_context();
    other = plain_context();
    put(ctx, "A", 10);
    put(ctx, "B", 20);
    SSL_CTX_sess_set_remove_cb(ctx, turning_remove);
    RUN(SSL_CTX_flush_sessions(ctx, 0));
    print_log();
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(cached(ctx, "N"));
    SSL_CTX_sess_set_remove_cb(ctx, NULL);
    SSL_CTX_free(ctx);
    SSL_CTX_free(other);
    TRACE(sessions_alive());
}

static void in_eviction(void)
{
    STEP("below an eviction");
    ctx = plain_context();
    other = plain_context();
    SSL_CTX_sess_set_cache_size(ctx, 2);
    put(ctx, "A", 300);
    put(ctx, "B", 300);
    SSL_CTX_sess_set_remove_cb(ctx, turning_remove);
    put(ctx, "C", 300);
    print_log();
    TRACE(SSL_CTX_sess_number(ctx));
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    RUN(SSL_CTX_flush_sessions(ctx, 0));
    print_log();
    SSL_CTX_free(ctx);
    SSL_CTX_free(other);
    TRACE(sessions_alive());
}

/* Below SSL_CTX_free the cache is on its way out: calls do no harm and nothing leaks. */
static void looking_remove(SSL_CTX *where, SSL_SESSION *sess)
{
    SSL_SESSION *twin = SSL_SESSION_dup(sess);

    note("remove(%s,number=%ld)", session_name(sess), SSL_CTX_sess_number(where));
    REQUIRE(twin != NULL);
    if (!nested) {
        nested = 1;
        SSL_CTX_remove_session(where, twin);
        SSL_CTX_flush_sessions(where, 1);
        nested = 0;
    }
    SSL_SESSION_free(twin);
}

static void in_free(void)
{
    STEP("below SSL_CTX_free");
    ctx = plain_context();
    put(ctx, "A", 300);
    put(ctx, "B", 200);
    SSL_CTX_sess_set_remove_cb(ctx, looking_remove);
    RUN(SSL_CTX_free(ctx));
    print_log();
    TRACE(sessions_alive());
}

/* A callback that ends another context, whose callback ends a third one. */
static SSL_CTX *chain[3];
static void chain_remove(SSL_CTX *where, SSL_SESSION *sess)
{
    int i;

    note("remove(%s)", session_name(sess));
    for (i = 0; i < 2; i++)
        if (where == chain[i] && chain[i + 1] != NULL) {
            SSL_CTX *next = chain[i + 1];

            /* The next one is still known while it is freed. */
            SSL_CTX_free(next);
        }
}

static void chained(void)
{
    static const char *const names[] = {"A", "B", "C"};
    int i;

    STEP("contexts that end one another");
    for (i = 0; i < 3; i++) {
        chain[i] = plain_context();
        put(chain[i], names[i], 300);
        SSL_CTX_sess_set_remove_cb(chain[i], chain_remove);
    }
    RUN(SSL_CTX_flush_sessions(chain[0], 0));
    print_log();
    SSL_CTX_free(chain[0]);
    TRACE(sessions_alive());
}

/* set_time and set_timeout from below a flush, on a session that stays. */
static SSL_SESSION *moved;
static void moving_remove(SSL_CTX *where, SSL_SESSION *sess)
{
    (void)where;
    note("remove(%s)", session_name(sess));
    if (moved != NULL)
        note("moved=%ld", SSL_SESSION_set_timeout(moved, 5000));
}

static void moving(void)
{
    STEP("a callback that lengthens the life of another session");
    ctx = plain_context();
    SSL_CTX_sess_set_remove_cb(ctx, moving_remove);
    put(ctx, "A", 10);
    moved = make_session("M", TLS1_3_VERSION);
    SSL_SESSION_set_timeout(moved, 2000);
    TRACE(SSL_CTX_add_session(ctx, moved));
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH + 100));
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH + 3000));
    print_log();
    TRACE(cached(ctx, "M"));
    SSL_SESSION_free(moved);
    moved = NULL;
    SSL_CTX_free(ctx);
    print_log();
    TRACE(sessions_alive());
}

int main(void)
{
    begin();
    in_flush();
    in_eviction();
    in_free();
    chained();
    moving();
    return finish();
}
