/*
 * reenter: callbacks that call back into the cache, from where stock libssl
 * holds no lock: new_cb, get_cb, and remove_cb below SSL_CTX_remove_session.
 * (lib_reenter has those below a flush, an eviction and SSL_CTX_free.)
 */
#include "harness.h"

static SSL_CTX *server;
static SSL_CTX *client;
static SSL_CTX *other;
static int nested;

static void put(SSL_CTX *ctx, const char *name, long timeout)
{
    SSL_SESSION *sess = make_session(name, TLS1_3_VERSION);

    SSL_SESSION_set_timeout(sess, timeout);
    note("add(%s)=%d", name, SSL_CTX_add_session(ctx, sess));
    SSL_SESSION_free(sess);
}

static int plain_new(SSL *ssl, SSL_SESSION *sess)
{
    (void)ssl;
    note("new(%s)", session_name(sess));
    SSL_SESSION_free(sess);
    return 1;
}

/* turn makes every kind of call that a callback may make. */
static void turn(SSL_CTX *ctx)
{
    SSL_SESSION *sess;
    SSL_SESSION *session = NULL;
    SSL_CTX *fresh;

    if (nested)
        return;
    nested = 1;
    sess = make_session("R", TLS1_3_VERSION);
    note("[");
    put(ctx, "N", 300);
    put(ctx, "O", 1);
    put(other, "P", 300);
    note("number=%ld", SSL_CTX_sess_number(ctx));
    note("again=%d", SSL_CTX_add_session(ctx, sess));
    note("remove=%d", SSL_CTX_remove_session(ctx, sess));
    note("remove=%d", SSL_CTX_remove_session(ctx, sess));
    SSL_CTX_flush_sessions(ctx, EPOCH + 2);
    SSL_CTX_flush_sessions(other, 0);
    SSL_CTX_set_session_cache_mode(ctx, SSL_CTX_get_session_cache_mode(ctx));
    SSL_CTX_sess_set_cache_size(ctx, SSL_CTX_sess_get_cache_size(ctx) + 1);
    SSL_CTX_sess_set_new_cb(ctx, SSL_CTX_sess_get_new_cb(ctx));
    SSL_CTX_sess_set_get_cb(ctx, SSL_CTX_sess_get_get_cb(ctx));
    SSL_CTX_sess_set_remove_cb(ctx, SSL_CTX_sess_get_remove_cb(ctx));
    note("has=%d", cached(ctx, "N"));
    fresh = plain_context();
    put(fresh, "F", 300);
    SSL_CTX_free(fresh);
    SSL_CTX_free(other);
    other = plain_context();
    note("inner=%d", visit(server, client, &session));
    note("inner=%d", visit(server, client, &session));
    SSL_SESSION_free(session);
    SSL_SESSION_free(sess);
    note("]");
    nested = 0;
}

static int turning_new(SSL *ssl, SSL_SESSION *sess)
{
    plain_new(ssl, sess);
    turn(SSL_get_SSL_CTX(ssl));
    return 1;
}

/* Removes the session that it is told of. */
static int removing_new(SSL *ssl, SSL_SESSION *sess)
{
    note("new(%s) remove=%d", session_name(sess),
         SSL_CTX_remove_session(SSL_get_SSL_CTX(ssl), sess));
    SSL_SESSION_free(sess);
    return 1;
}

/* Flushes everything, and so the session that it is told of. */
static int flushing_new(SSL *ssl, SSL_SESSION *sess)
{
    SSL_CTX_flush_sessions(SSL_get_SSL_CTX(ssl), 0);
    note("new(%s) resumable=%d", session_name(sess), SSL_SESSION_is_resumable(sess));
    SSL_SESSION_free(sess);
    return 1;
}

/* Takes all callbacks away, its own included. */
static int unsetting_new(SSL *ssl, SSL_SESSION *sess)
{
    SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);

    SSL_CTX_sess_set_new_cb(ctx, NULL);
    SSL_CTX_sess_set_get_cb(ctx, NULL);
    SSL_CTX_sess_set_remove_cb(ctx, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    note("new(%s) last", session_name(sess));
    SSL_SESSION_free(sess);
    return 1;
}

static SSL_SESSION *turning_get(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    (void)copy;
    note("get(%s)", id_name(id, (unsigned)len));
    turn(SSL_get_SSL_CTX(ssl));
    return NULL;
}

/* Adds what it then returns, as a server does that loads a session from outside. */
static SSL_SESSION *adding_get(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    SSL_SESSION *sess = store_find(id, (unsigned)len);

    (void)copy;
    note("get(%s) add=%d", id_name(id, (unsigned)len),
         sess != NULL ? SSL_CTX_add_session(SSL_get_SSL_CTX(ssl), sess) : -1);
    return sess;
}

static void turning_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    note("remove(%s)", session_name(sess));
    turn(ctx);
}

/* Puts the session back that is being removed. */
static int readding;
static void adding_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    note("remove(%s)", session_name(sess));
    if (readding-- > 0)
        note("add=%d", SSL_CTX_add_session(ctx, sess));
}

static void open_contexts(int version)
{
    server = server_context(version);
    client = client_context(version);
    other = plain_context();
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_sess_set_new_cb(server, plain_new);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
}

static void close_contexts(void)
{
    print_log();
    SSL_CTX_sess_set_remove_cb(server, NULL);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    SSL_CTX_free(other);
    store_clear();
    TRACE(sessions_alive());
    forget_names();
}

static void from_new(int version, const char *name, int (*callback)(SSL *, SSL_SESSION *))
{
    SSL_SESSION *session = NULL;

    printf("-- from new_cb: %s, version %x\n", name, (unsigned)version);
    open_contexts(version);
    SSL_CTX_sess_set_new_cb(server, callback);
    TRACE(visit(server, client, &session));
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    TRACE(offer(server, client, session));
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    SSL_SESSION_free(session);
    close_contexts();
}

static void from_get(int version)
{
    SSL_SESSION *session = NULL;

    printf("-- from get_cb, version %x\n", (unsigned)version);
    open_contexts(version);
    SSL_CTX_sess_set_get_cb(server, turning_get);
    TRACE(visit(server, client, &session));
    RUN(SSL_CTX_flush_sessions(server, 0));
    print_log();
    TRACE(offer(server, client, session));
    print_log();
    SSL_SESSION_free(session);
    close_contexts();

    printf("-- get_cb adds the session itself, version %x\n", (unsigned)version);
    open_contexts(version);
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_get_cb(server, adding_get);
    session = NULL;
    TRACE(visit(server, client, &session));
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER);
    TRACE(offer(server, client, session));
    print_log();
    TRACE(offer(server, client, session));
    print_log();
    print_counters("server", server);
    SSL_SESSION_free(session);
    close_contexts();
}

static void from_remove(int version)
{
    SSL_SESSION *sess = make_session("A", TLS1_3_VERSION);
    pair p;

    printf("-- from remove_cb, version %x\n", (unsigned)version);
    open_contexts(version);
    SSL_CTX_sess_set_remove_cb(server, turning_remove);
    TRACE(SSL_CTX_add_session(server, sess));
    TRACE(SSL_CTX_remove_session(server, sess));
    print_log();
    p = pair_new(server, client, NULL);
    TRACE(handshake(&p));
    pair_drop(&p);
    print_log();
    SSL_SESSION_free(sess);
    close_contexts();
}

static void put_back(void)
{
    SSL_SESSION *sess = make_session("A", TLS1_3_VERSION);

    STEP("remove_cb puts the session back");
    open_contexts(TLS1_2_VERSION);
    readding = 1;
    SSL_CTX_sess_set_remove_cb(server, adding_remove);
    TRACE(SSL_CTX_add_session(server, sess));
    TRACE(SSL_CTX_remove_session(server, sess));
    print_log();
    TRACE(cached(server, "A"));
    TRACE(SSL_CTX_sess_number(server));
    SSL_SESSION_free(sess);
    TRACE(sessions_alive());
    RUN(SSL_CTX_flush_sessions(server, 0));
    close_contexts();
}

int main(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    int i;

    begin();
    for (i = 0; i < 2; i++) {
        from_new(versions[i], "everything", turning_new);
        from_new(versions[i], "remove", removing_new);
        from_new(versions[i], "flush", flushing_new);
        from_new(versions[i], "unset", unsetting_new);
        from_get(versions[i]);
        from_remove(versions[i]);
    }
    put_back();
    return finish();
}
