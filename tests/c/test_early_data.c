/* early_data: 0-RTT is accepted once for each session; a replay is a full handshake. */
#include "harness.h"

static SSL_CTX *server;
static SSL_CTX *client;

static void open_contexts(uint64_t options)
{
    server = server_context(TLS1_3_VERSION);
    client = client_context(TLS1_3_VERSION);
    SSL_CTX_clear_options(server, SSL_OP_NO_TICKET);
    SSL_CTX_set_options(server, options);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_set_max_early_data(server, 1000);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    SSL_CTX_sess_set_new_cb(server, keep_new);
}

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    print_log();
    store_clear();
    TRACE(sessions_alive());
    forget_names();
}

/* early connects with five bytes of early data and says what became of them. */
static void early(SSL_SESSION *session)
{
    char bytes[16] = {0};
    size_t done = 0;
    int got = SSL_READ_EARLY_DATA_ERROR;
    int i;
    pair p = pair_new(server, client, session);

    TRACE(SSL_write_early_data(p.client, "early", 5, &done));
    for (i = 0; i < 5; i++) {
        got = SSL_read_early_data(p.server, bytes, sizeof(bytes), &done);
        if (got == SSL_READ_EARLY_DATA_SUCCESS)
            printf("early data: %.*s\n", (int)done, bytes);
        if (got == SSL_READ_EARLY_DATA_FINISH)
            break;
    }
    TRACE(got == SSL_READ_EARLY_DATA_FINISH);
    TRACE(handshake(&p));
    TRACE(SSL_get_early_data_status(p.client) == SSL_EARLY_DATA_ACCEPTED);
    TRACE(SSL_get_early_data_status(p.server) == SSL_EARLY_DATA_ACCEPTED);
    TRACE(SSL_session_reused(p.server));
    pair_close(&p);
    print_log();
}

static void anti_replay(void)
{
    SSL_SESSION *session = NULL;
    SSL_SESSION *next;

    STEP("accepted once, refused the second time");
    open_contexts(0);
    TRACE(visit(server, client, &session));
    TRACE(SSL_SESSION_get_max_early_data(session));
    TRACE(SSL_CTX_sess_number(server));
    print_log();
    early(session);
    TRACE(SSL_CTX_sess_number(server));
    early(session);
    TRACE(SSL_CTX_sess_number(server));
    TRACE(offer(server, client, session)); /* spent for resumption too */
    print_log();

    STEP("resumption without early data uses a session up as well");
    next = NULL;
    TRACE(visit(server, client, &next));
    TRACE(visit(server, client, &next));
    print_log();
    TRACE(visit(server, client, &next));
    print_log();
    print_counters("server", server);
    SSL_SESSION_free(next);
    SSL_SESSION_free(session);
    close_contexts();
}

static void flushed(void)
{
    SSL_SESSION *session = NULL;

    STEP("a flushed session is as good as spent");
    open_contexts(0);
    TRACE(visit(server, client, &session));
    RUN(SSL_CTX_flush_sessions(server, 0));
    early(session);
    SSL_SESSION_free(session);
    close_contexts();
}

static void no_internal(long mode)
{
    SSL_SESSION *session = NULL;

    printf("-- early data with mode %ld\n", mode);
    open_contexts(0);
    SSL_CTX_set_session_cache_mode(server, mode);
    SSL_CTX_sess_set_get_cb(server, store_get);
    TRACE(visit(server, client, &session));
    early(session);
    TRACE(SSL_CTX_sess_number(server));
    early(session);
    SSL_SESSION_free(session);
    close_contexts();
}

static void without_anti_replay(uint64_t options)
{
    SSL_SESSION *session = NULL;

    printf("-- without anti-replay, stateful %d\n", (options & SSL_OP_NO_TICKET) != 0);
    open_contexts(SSL_OP_NO_ANTI_REPLAY | options);
    TRACE(visit(server, client, &session));
    early(session);
    early(session);
    print_counters("server", server);
    SSL_SESSION_free(session);
    close_contexts();
}

static void by_connection(void)
{
    SSL_SESSION *session;
    pair p;

    STEP("early data allowed for one connection only");
    open_contexts(SSL_OP_NO_TICKET);
    SSL_CTX_set_max_early_data(server, 0);
    p = pair_new(server, client, NULL);
    TRACE(SSL_set_max_early_data(p.server, 500));
    TRACE(handshake(&p));
    session = SSL_get1_session(p.client);
    pair_close(&p);
    TRACE(SSL_SESSION_get_max_early_data(session));
    print_log();
    p = pair_new(server, client, session);
    TRACE(SSL_set_max_early_data(p.server, 500));
    TRACE(handshake(&p));
    TRACE(SSL_session_reused(p.server));
    pair_close(&p);
    print_log();
    p = pair_new(server, client, session);
    TRACE(SSL_set_max_early_data(p.server, 500));
    TRACE(handshake(&p));
    TRACE(SSL_session_reused(p.server));
    pair_close(&p);
    print_log();
    SSL_SESSION_free(session);
    close_contexts();
}

int main(void)
{
    begin();
    anti_replay();
    flushed();
    no_internal(SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP);
    no_internal(SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    no_internal(SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    no_internal(SSL_SESS_CACHE_OFF);
    without_anti_replay(0);
    without_anti_replay(SSL_OP_NO_TICKET);
    by_connection();
    return finish();
}
