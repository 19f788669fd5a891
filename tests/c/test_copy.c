/* copy: get_cb, its *copy in every value, and the references that go with it. */
#include "harness.h"

static SSL_CTX *server;
static SSL_CTX *client;
static SSL_SESSION *session; /* the client's */

static void open_contexts(int version, long mode)
{
    server = server_context(version);
    client = client_context(version);
    session = NULL;
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_set_session_cache_mode(server, mode);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_get_cb(server, store_get);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    REQUIRE(visit(server, client, &session) == FULL);
}

static void close_contexts(void)
{
    SSL_SESSION_free(session);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    print_log();
    TRACE(store_clear());
    TRACE(sessions_alive());
}

static void value(int version, int copy)
{
    printf("-- *copy %s, version %x\n",
           copy == COPY_UNTOUCHED ? "untouched"
           : copy == 0            ? "0"
                                  : "not 0",
           (unsigned)version);
    open_contexts(version, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    store_get_copy = copy;
    copy_on_entry = -2;
    TRACE(offer(server, client, session)); /* C55 C57 C58 C59 */
    TRACE(copy_on_entry);
    print_log();
    if (version != TLS1_3_VERSION)
        TRACE(offer(server, client, session));
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    print_counters("server", server);
    close_contexts();
}

/* The session found outside goes into the internal cache: one reference for each holder. */
static void promoted(int version, int copy)
{
    SSL_CTX *second;

    printf("-- copied inside, *copy %d, version %x\n", copy, (unsigned)version);
    open_contexts(version, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    second = server_context(version);
    SSL_CTX_sess_set_get_cb(second, store_get);
    SSL_CTX_sess_set_remove_cb(second, log_remove);
    store_get_copy = copy;
    TRACE(offer(second, client, session));
    print_log();
    TRACE(store_clear());
    TRACE(SSL_CTX_sess_number(second));
    TRACE(sessions_alive());
    RUN(SSL_CTX_flush_sessions(second, 0));
    print_log();
    TRACE(sessions_alive());
    SSL_CTX_free(second);
    close_contexts();
}

static void not_resumable(int version, int copy)
{
    SSL_SESSION *stored;
    SSL_CTX *other = plain_context();
    unsigned int len;
    const unsigned char *id;

    printf("-- get_cb returns a session that is not resumable, *copy %d, version %x\n", copy,
           (unsigned)version);
    open_contexts(version, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP);
    store_get_copy = copy;
    id = SSL_SESSION_get_id(session, &len);
    if (version == TLS1_3_VERSION) {
        const unsigned char *ticket;
        size_t ticket_len;

        /* The identity of a stateful ticket is the server's session ID. */
        SSL_SESSION_get0_ticket(session, &ticket, &ticket_len);
        id = ticket;
        len = (unsigned)ticket_len;
    }
    stored = store_find(id, len);
    REQUIRE(stored != NULL);
    SSL_CTX_remove_session(server, stored); /* marks it */
    print_log();
    TRACE(SSL_SESSION_is_resumable(stored));
    TRACE(offer(server, client, session)); /* C5 */
    print_log();
    print_counters("server", server);
    SSL_CTX_free(other);
    close_contexts();
}

/* A callback that answers with a session of another protocol version. */
static SSL_SESSION *strange;
static SSL_SESSION *strange_get(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    (void)ssl, (void)copy;
    note("get(%s)", id_name(id, (unsigned)len));
    return strange;
}

static void other_version(void)
{
    STEP("get_cb returns a session of another protocol version: a full handshake");
    open_contexts(TLS1_2_VERSION, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    strange = make_session("X", TLS1_1_VERSION);
    SSL_CTX_sess_set_get_cb(server, strange_get);
    TRACE(offer(server, client, session));
    print_log();
    print_counters("server", server);
    SSL_SESSION_free(strange);
    close_contexts();
}

static void missing(int version)
{
    printf("-- get_cb finds nothing, version %x\n", (unsigned)version);
    open_contexts(version, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_get_cb(server, miss_get);
    TRACE(offer(server, client, session));
    print_log();
    TRACE(offer(server, client, NULL)); /* nothing offered, nothing asked */
    print_log();
    print_counters("server", server);
    close_contexts();
}

static void client_side(void)
{
    STEP("a client never asks get_cb");
    open_contexts(TLS1_2_VERSION, SSL_SESS_CACHE_SERVER);
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_BOTH);
    SSL_CTX_sess_set_get_cb(client, miss_get);
    TRACE(offer(server, client, session)); /* C54 */
    TRACE(offer(server, client, NULL));
    print_log();
    print_counters("client", client);
    close_contexts();
}

int main(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    int i;

    begin();
    for (i = 0; i < 2; i++) {
        value(versions[i], COPY_UNTOUCHED);
        value(versions[i], 0);
        value(versions[i], 1);
        value(versions[i], 7);
        promoted(versions[i], COPY_UNTOUCHED);
        promoted(versions[i], 0);
        promoted(versions[i], 1);
        not_resumable(versions[i], 0);
        not_resumable(versions[i], 1);
        missing(versions[i]);
    }
    other_version();
    client_side();
    return finish();
}
