/* expiry: times, timeouts, overflow, and what a server does with what has expired. */
#include "harness.h"

#include <dlfcn.h>
#include <limits.h>

static SSL_CTX *server;
static SSL_CTX *client;

static void open_contexts(int version)
{
    server = server_context(version);
    client = client_context(version);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    set_clock(EPOCH);
}

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    print_log();
    TRACE(store_clear());
    TRACE(sessions_alive());
    set_clock(EPOCH);
}

static time_t set_time_ex(SSL_SESSION *sess, time_t t)
{
    time_t (*fn)(SSL_SESSION *, time_t);
    void *found = dlsym(RTLD_DEFAULT, "SSL_SESSION_set_time_ex");

    if (found == NULL)
        return (time_t)SSL_SESSION_set_time(sess, (long)t);
    memcpy(&fn, &found, sizeof(fn));
    return fn(sess, t);
}

static void accessors(void)
{
    SSL_SESSION *sess = make_session("A", TLS1_3_VERSION);
    SSL_CTX *ctx = plain_context();

    STEP("accessors");
    TRACE(SSL_SESSION_get_time(sess) == EPOCH);
    TRACE(SSL_SESSION_get_timeout(sess));
    TRACE(SSL_SESSION_set_time(sess, 1000)); /* C103 */
    TRACE(SSL_SESSION_get_time(sess));
    TRACE(set_time_ex(sess, 2000));
    TRACE(SSL_SESSION_get_time(sess));
    TRACE(SSL_SESSION_set_timeout(sess, 60)); /* C104 */
    TRACE(SSL_SESSION_get_timeout(sess));
    TRACE(SSL_SESSION_set_timeout(sess, -1));
    TRACE(SSL_SESSION_get_timeout(sess));
    TRACE(SSL_SESSION_set_timeout(sess, LONG_MIN));
    TRACE(SSL_SESSION_set_timeout(sess, 0));
    TRACE(SSL_SESSION_get_timeout(sess));
    TRACE(SSL_SESSION_set_time(sess, -5));
    TRACE(SSL_SESSION_get_time(sess));
    TRACE(SSL_SESSION_set_time(NULL, 1)); /* C105 */
    TRACE(set_time_ex(NULL, 1));
    TRACE(SSL_SESSION_set_timeout(NULL, 1));

    STEP("the same on a cached session");
    TRACE(SSL_CTX_add_session(ctx, sess));
    TRACE(SSL_SESSION_set_time(sess, 3000));
    TRACE(set_time_ex(sess, 4000));
    TRACE(SSL_SESSION_set_timeout(sess, 70));
    TRACE(SSL_SESSION_set_timeout(sess, -1));
    TRACE(SSL_SESSION_get_time(sess));
    TRACE(SSL_SESSION_get_timeout(sess));
    TRACE(SSL_CTX_sess_number(ctx));

    STEP("default timeout of a context");
    TRACE(SSL_CTX_get_timeout(ctx)); /* C108 */
    TRACE(SSL_CTX_set_timeout(ctx, 100));
    TRACE(SSL_CTX_get_timeout(ctx));
    SSL_SESSION_free(sess);
    SSL_CTX_free(ctx);
}

static void at_lookup(int version)
{
    SSL_SESSION *session = NULL;

    printf("-- a session is found until its last second, version %x\n", (unsigned)version);
    open_contexts(version);
    SSL_CTX_set_timeout(server, 100); /* C107 */
    TRACE(visit(server, client, &session));
    RUN(SSL_CTX_set_timeout(server, 5000));
    advance(100);
    SSL_SESSION_set_timeout(session, 10000); /* the client goes on offering it */
    TRACE(offer(server, client, session));   /* C106 */
    print_log();
    advance(1);
    TRACE(offer(server, client, session)); /* C48 C75 C91 */
    print_log();
    TRACE(offer(server, client, session));
    print_log();
    print_counters("server", server);
    SSL_SESSION_free(session);
    close_contexts();
}

static void from_outside(void)
{
    SSL_SESSION *session = NULL;

    STEP("an expired session from outside");
    open_contexts(TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_get_cb(server, store_get);
    SSL_CTX_set_timeout(server, 100);
    TRACE(visit(server, client, &session));
    SSL_SESSION_set_timeout(session, 10000);
    advance(101);
    print_log();
    TRACE(offer(server, client, session)); /* C91 */
    print_log();
    print_counters("server", server);
    SSL_SESSION_free(session);
    close_contexts();
}

/* Finds the server's own object of the session by what new_cb kept. */
static SSL_SESSION *of_server(SSL_SESSION *of_client)
{
    unsigned int len;
    const unsigned char *id = SSL_SESSION_get_id(of_client, &len);
    SSL_SESSION *found = store_find(id, len);

    REQUIRE(found != NULL);
    return found;
}

static void changed_lifetime(void)
{
    SSL_SESSION *session = NULL;

    STEP("set_time and set_timeout on the cached object shorten and lengthen its life");
    open_contexts(TLS1_2_VERSION);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_set_timeout(server, 100);
    TRACE(visit(server, client, &session));
    SSL_SESSION_set_timeout(session, 100000);
    TRACE(SSL_SESSION_set_timeout(of_server(session), 500)); /* C104 */
    advance(400);
    TRACE(offer(server, client, session));
    TRACE(SSL_SESSION_set_time(of_server(session), EPOCH + 300) == EPOCH + 300); /* C103 */
    set_clock(EPOCH + 800);
    TRACE(offer(server, client, session));
    TRACE(SSL_SESSION_set_timeout(of_server(session), 499));
    print_log();
    TRACE(offer(server, client, session));
    print_log();
    SSL_SESSION_free(session);
    close_contexts();
}

static void overflow(void)
{
    static const long timeouts[] = {LONG_MAX, LONG_MAX - EPOCH, LONG_MAX - EPOCH + 1};
    SSL_CTX *ctx = plain_context();
    SSL_SESSION *sess;
    size_t i;

    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    for (i = 0; i < 3; i++) {
        printf("-- overflow of time and timeout, %zu\n", i);
        sess = make_session("A", TLS1_3_VERSION);
        TRACE(SSL_SESSION_set_timeout(sess, timeouts[i]));
        TRACE(SSL_CTX_add_session(ctx, sess));
        RUN(SSL_CTX_flush_sessions(ctx, EPOCH));
        RUN(SSL_CTX_flush_sessions(ctx, LONG_MAX));
        print_log();
        TRACE(SSL_CTX_sess_number(ctx));
        TRACE(SSL_SESSION_set_timeout(sess, 10));
        RUN(SSL_CTX_flush_sessions(ctx, LONG_MAX));
        print_log();
        TRACE(SSL_CTX_sess_number(ctx));
        SSL_SESSION_free(sess);
    }
    STEP("times before the epoch and at its end");
    sess = make_session("B", TLS1_3_VERSION);
    SSL_SESSION_set_time(sess, -100);
    TRACE(SSL_CTX_add_session(ctx, sess));
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH));
    print_log();
    TRACE(SSL_CTX_sess_number(ctx));
    SSL_SESSION_set_time(sess, LONG_MAX);
    SSL_CTX_add_session(ctx, sess);
    RUN(SSL_CTX_flush_sessions(ctx, LONG_MAX));
    print_log();
    SSL_SESSION_set_time(sess, 0);
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH));
    print_log();
    SSL_SESSION_free(sess);
    SSL_CTX_free(ctx);

    STEP("a context timeout that overflows");
    open_contexts(TLS1_2_VERSION);
    SSL_CTX_set_timeout(server, LONG_MAX);
    sess = NULL;
    TRACE(visit(server, client, &sess));
    set_clock(LONG_MAX / 2);
    SSL_SESSION_set_timeout(sess, LONG_MAX);
    TRACE(offer(server, client, sess));
    SSL_SESSION_free(sess);
    close_contexts();
}

static void update_time(void)
{
    SSL_SESSION *session = NULL;
    SSL_CTX *ctx = plain_context();
    SSL_SESSION *sess = make_session("A", TLS1_3_VERSION);

    STEP("UPDATE_TIME: adding a session gives it the time of now");
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_UPDATE_TIME);
    advance(50);
    TRACE(SSL_CTX_add_session(ctx, sess)); /* C39 */
    TRACE(SSL_SESSION_get_time(sess) - EPOCH);
    advance(50);
    TRACE(SSL_CTX_add_session(ctx, sess));
    TRACE(SSL_SESSION_get_time(sess) - EPOCH);
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH + 100 + 304));
    print_log();
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH + 100 + 305));
    print_log();
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
    advance(50);
    TRACE(SSL_CTX_add_session(ctx, sess));
    TRACE(SSL_SESSION_get_time(sess) - EPOCH);
    SSL_SESSION_free(sess);
    SSL_CTX_free(ctx);
    print_log();

    STEP("UPDATE_TIME in a server: finding a session does not add it");
    open_contexts(TLS1_2_VERSION);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_UPDATE_TIME);
    SSL_CTX_set_timeout(server, 100);
    TRACE(visit(server, client, &session));
    SSL_SESSION_set_timeout(session, 10000);
    advance(60);
    TRACE(offer(server, client, session));
    TRACE(SSL_SESSION_get_time(of_server(session)) - EPOCH);
    advance(60);
    TRACE(offer(server, client, session));
    print_log();
    SSL_SESSION_free(session);
    close_contexts();
}

int main(void)
{
    begin();
    accessors();
    at_lookup(TLS1_2_VERSION);
    at_lookup(TLS1_3_VERSION);
    from_outside();
    changed_lifetime();
    overflow();
    update_time();
    return finish();
}
