/* unclean: connections that end without close_notify or with a fatal alert lose their session. */
#include "harness.h"

static SSL_CTX *server;
static SSL_CTX *client;

static void open_contexts(int version)
{
    server = server_context(version);
    client = client_context(version);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
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

enum ending { CLEAN, QUIET, MARKED, DROPPED, CLEARED, CLIENT_ONLY, FATAL_RECEIVED, FATAL_SENT };

/* end ends a connection in one of the ways. */
static void end(pair *p, enum ending how)
{
    char bytes[100];

    memset(bytes, 0x55, sizeof(bytes));
    switch (how) {
    case CLEAN:
        pair_close(p);
        return;
    case QUIET:
        SSL_set_quiet_shutdown(p->server, 1);
        SSL_shutdown(p->server);
        break;
    case MARKED:
        SSL_set_shutdown(p->server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        break;
    case DROPPED:
        break;
    case CLEARED:
        SSL_clear(p->server);
        break;
    case CLIENT_ONLY:
        SSL_shutdown(p->client);
        SSL_read(p->server, bytes, 1);
        break;
    case FATAL_RECEIVED:
        /* The client is given nonsense and tells the server by an alert. */
        BIO_write(SSL_get_rbio(p->client), bytes, sizeof(bytes));
        SSL_read(p->client, bytes, 1);
        SSL_read(p->server, bytes, 1);
        break;
    case FATAL_SENT:
        BIO_write(SSL_get_rbio(p->server), bytes, sizeof(bytes));
        SSL_read(p->server, bytes, 1);
        break;
    }
    print_log();
    pair_drop(p);
    ERR_clear_error();
}

static void one(const char *name, int version, enum ending how)
{
    SSL_SESSION *session;
    SSL_SESSION *other = NULL;
    pair p;

    printf("-- %s, version %x\n", name, (unsigned)version);
    open_contexts(version);
    TRACE(visit(server, client, &other)); /* another session, which is not concerned */
    p = pair_new(server, client, NULL);
    TRACE(handshake(&p));
    session = SSL_get1_session(p.client);
    print_log();
    end(&p, how); /* C49 C62 */
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    SSL_SESSION_free(session);
    TRACE(offer(server, client, other));
    SSL_SESSION_free(other);
    print_log();
    close_contexts();
}

/* The connection that dropped a session had resumed it. */
static void resumed_and_dropped(int version)
{
    SSL_SESSION *session = NULL;
    pair p;

    printf("-- resumed, then dropped, version %x\n", (unsigned)version);
    open_contexts(version);
    TRACE(visit(server, client, &session));
    p = pair_new(server, client, session);
    TRACE(handshake(&p));
    TRACE(SSL_session_reused(p.server));
    print_log();
    pair_drop(&p);
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    SSL_SESSION_free(session);
    close_contexts();
}

/* A dropped session is not found again, inside or outside. */
static void does_not_resume(void)
{
    SSL_SESSION *session;
    pair p;

    STEP("a dropped session does not resume, though it is kept outside");
    open_contexts(TLS1_2_VERSION);
    SSL_CTX_sess_set_get_cb(server, store_get);
    p = pair_new(server, client, NULL);
    TRACE(handshake(&p));
    session = SSL_get1_session(p.client);
    SSL_shutdown(p.client); /* the client's session stays resumable */
    SSL_free(p.client);
    SSL_free(p.server);
    ERR_clear_error();
    TRACE(offer(server, client, session));
    print_log();
    SSL_SESSION_free(session);
    close_contexts();
}

/* Setting another session drops the one of a connection that is not shut down. */
static void set_session(void)
{
    SSL_SESSION *other = make_session("X", TLS1_2_VERSION);
    pair p;

    STEP("SSL_set_session on an open connection");
    open_contexts(TLS1_2_VERSION);
    p = pair_new(server, client, NULL);
    TRACE(handshake(&p));
    TRACE(SSL_set_session(p.server, other));
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    SSL_SESSION_free(other);
    pair_close(&p);
    print_log();
    close_contexts();
}

/* A handshake that fails before its end leaves nothing behind. */
static void unfinished(int version)
{
    pair p;
    int i;

    printf("-- handshakes that do not come to their end, version %x\n", (unsigned)version);
    open_contexts(version);
    for (i = 0; i < 4; i++) {
        int j;

        p = pair_new(server, client, NULL);
        for (j = 0; j < i; j++)
            SSL_do_handshake(j % 2 == 0 ? p.client : p.server);
        pair_drop(&p);
        ERR_clear_error();
    }
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    close_contexts();
}

int main(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    int i;

    begin();
    for (i = 0; i < 2; i++) {
        one("clean", versions[i], CLEAN);
        one("quiet shutdown", versions[i], QUIET);
        one("marked as shut down", versions[i], MARKED);
        one("dropped", versions[i], DROPPED);
        one("cleared", versions[i], CLEARED);
        one("only the client said close_notify", versions[i], CLIENT_ONLY);
        one("fatal alert received", versions[i], FATAL_RECEIVED);
        one("fatal alert sent", versions[i], FATAL_SENT);
        resumed_and_dropped(versions[i]);
        unfinished(versions[i]);
    }
    does_not_resume();
    set_session();
    return finish();
}
