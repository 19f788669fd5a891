/* flush: what SSL_CTX_flush_sessions drops, in which order, and how it tells. */
#include "harness.h"

#include <dlfcn.h>
#include <limits.h>

static SSL_CTX *ctx;

/* add stores a session that expires `lifetime` seconds after EPOCH. */
static SSL_SESSION *add(const char *name, long lifetime)
{
    SSL_SESSION *sess = make_session(name, TLS1_3_VERSION);

    SSL_SESSION_set_time(sess, EPOCH);
    SSL_SESSION_set_timeout(sess, lifetime);
    REQUIRE(SSL_CTX_add_session(ctx, sess) == 1);
    SSL_SESSION_free(sess);
    return sess;
}

static void flush_ex(SSL_CTX *context, time_t t)
{
    void (*fn)(SSL_CTX *, time_t);
    void *found = dlsym(RTLD_DEFAULT, "SSL_CTX_flush_sessions_ex");

    if (found == NULL) {
        SSL_CTX_flush_sessions(context, (long)t);
        return;
    }
    memcpy(&fn, &found, sizeof(fn));
    fn(context, t);
}

static void by_time(void)
{
    ctx = plain_context();
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);

    STEP("flush drops what expired before the time given, and calls remove_cb for each");
    add("A", 300);
    add("B", 100);
    add("C", 200);
    add("D", 100);
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH)); /* C73 */
    print_log();
    RUN(SSL_CTX_flush_sessions(ctx,
                               EPOCH + 100)); /* C74: a session lives through its last second */
    print_log();
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH + 101)); /* C78 */
    print_log();
    TRACE(SSL_CTX_sess_number(ctx));
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH + 201));
    print_log();
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH + 201));
    print_log();
    RUN(SSL_CTX_flush_sessions(ctx, 1)); /* the time is the argument, not the clock's */
    print_log();
    TRACE(SSL_CTX_sess_number(ctx));
    RUN(SSL_CTX_flush_sessions(ctx, LONG_MAX));
    print_log();
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(SSL_CTX_sess_timeouts(ctx));
    TRACE(SSL_CTX_sess_cache_full(ctx));
    TRACE(sessions_alive());

    STEP("a negative time");
    add("A", 300);
    RUN(SSL_CTX_flush_sessions(ctx, -1));
    print_log();
    TRACE(SSL_CTX_sess_number(ctx));

    STEP("flush_ex");
    add("B", 100);
    RUN(flush_ex(ctx, EPOCH + 101)); /* C73 */
    print_log();
    RUN(flush_ex(ctx, 0));
    print_log();
    TRACE(SSL_CTX_sess_number(ctx));
    SSL_CTX_free(ctx);
}

static void everything(void)
{
    SSL_SESSION *held;

    ctx = plain_context();
    STEP("flush(0) drops everything, earliest expiry first, among equals the oldest");
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    add("A", 300);
    add("B", 100);
    add("C", 300);
    add("D", 200);
    add("E", 100);
    add("F", LONG_MAX);
    held = make_session("G", TLS1_3_VERSION);
    SSL_SESSION_set_timeout(held, 250);
    SSL_CTX_add_session(ctx, held);
    TRACE(SSL_SESSION_is_resumable(held));
    RUN(SSL_CTX_flush_sessions(ctx, 0)); /* C79 */
    print_log();
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(SSL_SESSION_is_resumable(held));
    TRACE(sessions_alive());
    SSL_SESSION_free(held);

    STEP("without a callback");
    SSL_CTX_sess_set_remove_cb(ctx, NULL);
    add("A", 300);
    add("B", 100);
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH + 200));
    TRACE(SSL_CTX_sess_number(ctx));
    RUN(SSL_CTX_flush_sessions(ctx, 0));
    TRACE(SSL_CTX_sess_number(ctx));
    RUN(SSL_CTX_flush_sessions(ctx, 0));
    print_log();
    TRACE(sessions_alive());

    STEP("a flushed session may be added again");
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    held = make_session("A", TLS1_3_VERSION);
    TRACE(SSL_CTX_add_session(ctx, held));
    RUN(SSL_CTX_flush_sessions(ctx, 0));
    TRACE(SSL_CTX_add_session(ctx, held));
    TRACE(SSL_CTX_add_session(ctx, held));
    TRACE(SSL_CTX_sess_number(ctx));
    RUN(SSL_CTX_flush_sessions(ctx, 0));
    print_log();
    SSL_SESSION_free(held);
    TRACE(sessions_alive());
    SSL_CTX_free(ctx);
}

static void number_remove(SSL_CTX *context, SSL_SESSION *sess)
{
    note("remove(%s,number=%ld)", session_name(sess), SSL_CTX_sess_number(context));
}

static void number_in_callback(void)
{
    ctx = plain_context();
    STEP("how many are left, seen from remove_cb");
    SSL_CTX_sess_set_remove_cb(ctx, number_remove);
    add("A", 100);
    add("B", 200);
    add("C", 300);
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH + 201));
    print_log();
    SSL_CTX_free(ctx);
    print_log();
}

static void many(void)
{
    char name[16];
    long i;

    ctx = plain_context();
    STEP("two thousand sessions");
    for (i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "m%ld", i);
        add(name, 1000 + i);
    }
    TRACE(SSL_CTX_sess_number(ctx));
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH + 1500)); /* C69 */
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(cached(ctx, "m499"));
    TRACE(cached(ctx, "m500"));
    RUN(SSL_CTX_flush_sessions(ctx, 0));
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(sessions_alive());
    SSL_CTX_free(ctx);
}

int main(void)
{
    begin();
    by_time();
    everything();
    number_in_callback();
    many();
    return finish();
}
