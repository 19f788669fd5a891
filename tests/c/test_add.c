/* add: SSL_CTX_add_session, SSL_CTX_remove_session and the references they take. */
#include "harness.h"

#include <dlfcn.h>

typedef int (*session_fn)(SSL_CTX *, SSL_SESSION *);

/* The old names are only in the library; on stock libssl the new ones stand in. */
static session_fn old_name(const char *name, session_fn otherwise)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    session_fn fn = otherwise;

    if (found != NULL)
        memcpy(&fn, &found, sizeof(fn));
    return fn;
}

static void references(void)
{
    SSL_CTX *ctx = plain_context();
    SSL_SESSION *a = make_session("A", TLS1_3_VERSION);

    STEP("add takes one reference, remove drops it");
    TRACE(SSL_CTX_add_session(ctx, a)); /* C1 C8 */
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(cached(ctx, "A"));
    RUN(SSL_SESSION_free(a));
    TRACE(sessions_alive()); /* C2 */
    RUN(SSL_SESSION_up_ref(a));
    TRACE(SSL_CTX_remove_session(ctx, a)); /* C4 C8 */
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(cached(ctx, "A"));
    TRACE(sessions_alive());
    TRACE(SSL_SESSION_is_resumable(a));    /* C5 */
    TRACE(SSL_CTX_remove_session(ctx, a)); /* C7 */
    RUN(SSL_SESSION_free(a));
    TRACE(sessions_alive()); /* C6 */

    STEP("the same object twice is not added again");
    a = make_session("B", TLS1_3_VERSION);
    TRACE(SSL_CTX_add_session(ctx, a));
    TRACE(SSL_CTX_add_session(ctx, a)); /* C10 C11 */
    TRACE(SSL_CTX_add_session(ctx, a));
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(SSL_CTX_remove_session(ctx, a));
    TRACE(sessions_alive());
    RUN(SSL_SESSION_free(a));
    TRACE(sessions_alive());
    SSL_CTX_free(ctx);
}

static void twins(void)
{
    SSL_CTX *ctx = plain_context();
    SSL_SESSION *a = make_session("A", TLS1_3_VERSION);
    SSL_SESSION *twin = make_session("A", TLS1_3_VERSION);

    STEP("another object of the same ID replaces the first");
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    TRACE(SSL_CTX_add_session(ctx, a));
    RUN(SSL_SESSION_free(a));
    TRACE(sessions_alive());
    TRACE(SSL_CTX_add_session(ctx, twin)); /* C3 C9 */
    TRACE(sessions_alive());
    TRACE(SSL_CTX_sess_number(ctx));
    print_log();
    TRACE(SSL_SESSION_is_resumable(twin));

    STEP("remove finds the session by its ID; its argument is marked, not the one cached");
    a = make_session("A", TLS1_3_VERSION);
    TRACE(SSL_CTX_remove_session(ctx, a));
    print_log();
    TRACE(SSL_SESSION_is_resumable(a));
    TRACE(SSL_SESSION_is_resumable(twin));
    TRACE(SSL_CTX_sess_number(ctx));
    RUN(SSL_SESSION_free(twin));
    TRACE(sessions_alive());

    STEP("remove of a session that is not cached: 0, marked, callback");
    SSL_SESSION_free(a);
    a = make_session("C", TLS1_3_VERSION);
    TRACE(SSL_CTX_remove_session(ctx, a));
    TRACE(SSL_SESSION_is_resumable(a));
    print_log();
    SSL_SESSION_free(a);
    SSL_CTX_free(ctx);
}

static void keys(void)
{
    SSL_CTX *ctx = plain_context();
    SSL_SESSION *a12 = make_session("A", TLS1_2_VERSION);
    SSL_SESSION *a13 = make_session("A", TLS1_3_VERSION);
    SSL_SESSION *shorter = make_session("A", TLS1_3_VERSION);
    SSL_SESSION *empty = make_session("E", TLS1_3_VERSION);
    unsigned int len;

    STEP("protocol version and length of the ID are part of the key");
    REQUIRE(SSL_SESSION_set1_id(shorter, SSL_SESSION_get_id(a13, &len), 31));
    TRACE(SSL_CTX_add_session(ctx, a12));
    TRACE(cached(ctx, "A"));
    TRACE(SSL_CTX_add_session(ctx, a13));
    TRACE(SSL_CTX_add_session(ctx, shorter));
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(SSL_CTX_remove_session(ctx, a13));
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(SSL_CTX_remove_session(ctx, shorter));
    TRACE(SSL_CTX_remove_session(ctx, a12));
    TRACE(SSL_CTX_sess_number(ctx));

    STEP("a session without an ID can be added, but not removed");
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    REQUIRE(SSL_SESSION_set1_id(empty, (const unsigned char *)"", 0));
    TRACE(SSL_CTX_add_session(ctx, empty));
    TRACE(SSL_CTX_add_session(ctx, empty));
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(SSL_CTX_remove_session(ctx, empty));
    TRACE(SSL_CTX_sess_number(ctx));
    print_log();
    RUN(SSL_CTX_flush_sessions(ctx, 0));
    TRACE(SSL_CTX_sess_number(ctx));
    print_log();
    SSL_SESSION_free(a12);
    SSL_SESSION_free(a13);
    SSL_SESSION_free(shorter);
    SSL_SESSION_free(empty);
    SSL_CTX_free(ctx);
}

static void any_mode(void)
{
    SSL_CTX *ctx = plain_context();
    SSL_SESSION *a = make_session("A", TLS1_3_VERSION);
    static const long modes[] = {
        SSL_SESS_CACHE_OFF,
        SSL_SESS_CACHE_CLIENT,
        SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE,
        SSL_SESS_CACHE_BOTH | SSL_SESS_CACHE_NO_INTERNAL,
    };
    size_t i;

    STEP("the application may add in any mode");
    for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        TRACE(modes[i]);
        SSL_CTX_set_session_cache_mode(ctx, modes[i]);
        TRACE(SSL_CTX_add_session(ctx, a)); /* C14 */
        TRACE(SSL_CTX_add_session(ctx, a));
        TRACE(cached(ctx, "A"));
        TRACE(SSL_CTX_sess_number(ctx));
        TRACE(SSL_CTX_remove_session(ctx, a));
        TRACE(SSL_CTX_remove_session(ctx, a));
    }
    SSL_SESSION_free(a);
    SSL_CTX_free(ctx);
}

static void old_names(void)
{
    session_fn add_session = old_name("SSL_add_session", SSL_CTX_add_session);
    session_fn remove_session = old_name("SSL_remove_session", SSL_CTX_remove_session);
    SSL_CTX *ctx = plain_context();
    SSL_SESSION *a = make_session("A", TLS1_3_VERSION);

    STEP("the old names do the same");
    TRACE(add_session(ctx, a)); /* C15 */
    TRACE(add_session(ctx, a));
    TRACE(SSL_CTX_add_session(ctx, a));
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(remove_session(ctx, a));
    TRACE(remove_session(ctx, a));
    TRACE(SSL_CTX_remove_session(ctx, a));
    SSL_SESSION_free(a);
    SSL_CTX_free(ctx);
}

static void separate(void)
{
    SSL_CTX *one = plain_context();
    SSL_CTX *two = plain_context();
    SSL_SESSION *a = make_session("A", TLS1_3_VERSION);
    SSL_SESSION *twin = make_session("A", TLS1_3_VERSION);

    STEP("sessions of one context are not those of another");
    TRACE(SSL_CTX_add_session(one, a)); /* C27 */
    TRACE(cached(two, "A"));
    TRACE(SSL_CTX_remove_session(two, twin));
    TRACE(SSL_CTX_add_session(two, twin));
    TRACE(SSL_CTX_remove_session(one, a));
    TRACE(cached(one, "A"));
    TRACE(cached(two, "A"));
    SSL_CTX_free(one);
    TRACE(cached(two, "A"));

    STEP("a session that left one context may go into another, and back");
    TRACE(SSL_CTX_remove_session(two, twin));
    TRACE(SSL_CTX_add_session(two, a));
    one = plain_context();
    TRACE(SSL_CTX_remove_session(two, a));
    TRACE(SSL_CTX_add_session(one, a));
    TRACE(cached(one, "A"));
    TRACE(cached(two, "A"));
    SSL_SESSION_free(a);
    SSL_SESSION_free(twin);
    TRACE(sessions_alive());
    SSL_CTX_free(one);
    SSL_CTX_free(two);
}

int main(void)
{
    begin();
    references();
    twins();
    keys();
    any_mode();
    old_names();
    separate();
    return finish();
}
