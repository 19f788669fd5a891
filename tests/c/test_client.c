/* client: what a client's own cache holds (SSL_SESS_CACHE_CLIENT), and what it does not do. */
#include "harness.h"

static SSL_CTX *server;
static SSL_CTX *client;

static void open_contexts(int version, long mode, int tickets)
{
    server = server_context(version);
    client = client_context(version);
    SSL_CTX_set_num_tickets(server, 1);
    if (tickets)
        SSL_CTX_clear_options(server, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(client, mode);
    SSL_CTX_sess_set_new_cb(client, keep_new);
    SSL_CTX_sess_set_remove_cb(client, log_remove);
    SSL_CTX_sess_set_get_cb(client, miss_get);
}

static void close_contexts(void)
{
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    print_log();
    store_clear();
    TRACE(sessions_alive());
    forget_names();
}

static void stored(const char *name, int version, long mode, int tickets)
{
    SSL_SESSION *session = NULL;

    printf("-- %s, version %x, tickets %d\n", name, (unsigned)version, tickets);
    open_contexts(version, mode, tickets);
    TRACE(visit(server, client, &session)); /* C20 C22 C26 */
    print_log();
    TRACE(SSL_CTX_sess_number(client));
    TRACE(visit(server, client, &session));
    print_log();
    TRACE(SSL_CTX_sess_number(client));
    TRACE(offer(server, client, NULL)); /* C21: nothing is chosen by itself */
    print_log();
    TRACE(SSL_CTX_sess_number(client));
    print_counters("client", client);
    SSL_SESSION_free(session);
    close_contexts();
}

static void unclean(int version)
{
    pair p;

    printf("-- a client that does not shut down, version %x\n", (unsigned)version);
    open_contexts(version, SSL_SESS_CACHE_CLIENT, 0);
    p = pair_new(server, client, NULL);
    TRACE(handshake(&p));
    TRACE(SSL_CTX_sess_number(client));
    pair_drop(&p);
    print_log();
    TRACE(SSL_CTX_sess_number(client));
    close_contexts();
}

/* NO_INTERNAL_LOOKUP says nothing to a client. */
static void lookup_flag(void)
{
    SSL_SESSION *session = NULL;

    STEP("NO_INTERNAL_LOOKUP on a client");
    open_contexts(TLS1_2_VERSION, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP, 0);
    TRACE(visit(server, client, &session)); /* C34 */
    TRACE(offer(server, client, session));
    print_log();
    TRACE(SSL_CTX_sess_number(client));
    SSL_SESSION_free(session);
    close_contexts();
}

/* One context for both sides. */
static void both_sides(int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    SSL_SESSION *session = NULL;

    printf("-- one context for both sides, version %x\n", (unsigned)version);
    REQUIRE(SSL_CTX_set_min_proto_version(ctx, version));
    REQUIRE(SSL_CTX_set_max_proto_version(ctx, version));
    use_certificate(ctx);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH);
    SSL_CTX_sess_set_new_cb(ctx, keep_new);
    TRACE(visit(ctx, ctx, &session));
    print_log();
    TRACE(SSL_CTX_sess_number(ctx));
    print_counters("both", ctx);
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    store_clear();
    TRACE(sessions_alive());
    forget_names();
}

int main(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    int i;
    int tickets;

    begin();
    for (i = 0; i < 2; i++) {
        for (tickets = 0; tickets < 2; tickets++) {
            stored("CLIENT", versions[i], SSL_SESS_CACHE_CLIENT, tickets);
            stored("BOTH", versions[i], SSL_SESS_CACHE_BOTH, tickets);
            stored("SERVER", versions[i], SSL_SESS_CACHE_SERVER, tickets);
            stored("OFF", versions[i], SSL_SESS_CACHE_OFF, tickets);
            stored("CLIENT and NO_INTERNAL_STORE", versions[i],
                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE, tickets);
        }
        unclean(versions[i]);
        both_sides(versions[i]);
    }
    lookup_flag();
    return finish();
}
