/* connection.c: the connections of a fuzz input, over memory BIOs in this process. */
#include "world.h"

void open_connection(struct connection *k, struct context *server, struct context *client,
                     unsigned how, SSL_SESSION *resume)
{
    const int version = how & 1 ? TLS1_3_VERSION : TLS1_2_VERSION;

    if (resume != NULL && !usable(resume, client))
        resume = NULL;
    if (resume != NULL)
        settle(resume, client);
    k->server = server;
    k->client = client;
    k->tried = k->good = 0;
    k->ends = pair_new(server->ctx, client->ctx, resume);
    own(k->ends.server, server);
    own(k->ends.client, client);
    REQUIRE(SSL_set_max_proto_version(k->ends.server, version));
    REQUIRE(SSL_set_max_proto_version(k->ends.client, version));
    REQUIRE(SSL_set_min_proto_version(k->ends.server, version));
    if ((how & 6) == 6)
        REQUIRE(SSL_set_tlsext_host_name(k->ends.client, "other"));
}

static void early_data(struct connection *k)
{
    char bytes[16];
    size_t done = 0;
    int got = SSL_READ_EARLY_DATA_ERROR;
    int i;

    note("early=%d", SSL_write_early_data(k->ends.client, "early", 5, &done));
    for (i = 0; i < 4 && got != SSL_READ_EARLY_DATA_FINISH; i++) {
        got = SSL_read_early_data(k->ends.server, bytes, sizeof(bytes), &done);
        note("read=%d", got);
    }
    ERR_clear_error();
}

void describe(const struct connection *k)
{
    if (k->good)
        note("good, reused=%d%d", SSL_session_reused(k->ends.client),
             SSL_session_reused(k->ends.server));
    else
        note("failed");
}

/*
 * D9: where stock libssl skips an automatic flush that is due, the library
 * makes up for it later. Contexts in which it is skipped clear themselves no more.
 */
static void stop_clearing(struct context *c, long good)
{
    if (good < 0xff || (good + 1) % 0x100 > 1)
        return;
    c->never_clears = 1;
    SSL_CTX_set_session_cache_mode(c->ctx, c->mode | SSL_SESS_CACHE_NO_AUTO_CLEAR);
}

/* Whether both ends of a handshake came to where libssl looks if a flush is due. */
static int came_to_cache(const struct connection *k)
{
    unsigned len = 0;

    if (!k->good || SSL_get_verify_mode(k->ends.server) != SSL_VERIFY_NONE)
        return 0;
    SSL_SESSION_get_id(SSL_get0_session(k->ends.server), &len);
    return len > 0 &&
           (SSL_version(k->ends.server) < TLS1_3_VERSION || SSL_get_num_tickets(k->ends.server));
}

static void mind_skipped_flush(const struct connection *k)
{
    if (came_to_cache(k))
        return;
    stop_clearing(k->server, SSL_CTX_sess_accept_good(k->server->ctx));
    if (k->server->sni != NULL)
        stop_clearing(k->server->sni, SSL_CTX_sess_accept_good(k->server->sni->ctx));
    stop_clearing(k->client, SSL_CTX_sess_connect_good(k->client->ctx));
}

static int step_both(struct connection *k)
{
    int client = 0, server = 0, i;

    for (i = 0; i < 12 && !(client > 0 && server > 0); i++) {
        if (client == 0)
            client = handshake_step(k->ends.client);
        if (server == 0)
            server = handshake_step(k->ends.server);
        if (client < 0 || server < 0) {
            /* Deliver the alert, so that both ends know. */
            if (client >= 0)
                handshake_step(k->ends.client);
            if (server >= 0)
                handshake_step(k->ends.server);
            break;
        }
    }
    return client > 0 && server > 0;
}

void shake_hands(struct connection *k, int early)
{
    if (k->tried)
        return;
    k->tried = 1;
    if (early)
        early_data(k);
    k->good = step_both(k);
    mind_skipped_flush(k);
    if (!k->good)
        return;
    exchange(&k->ends);
    settle(SSL_get0_session(k->ends.server), k->server);
    settle(SSL_get0_session(k->ends.client), k->client);
}

void close_connection(struct connection *k, unsigned how)
{
    if (k->server == NULL)
        return;
    if (k->good && (how & 1)) {
        pair_close(&k->ends);
    } else if (how & 2) {
        SSL_free(k->ends.server);
        SSL_free(k->ends.client);
    } else {
        pair_drop(&k->ends);
    }
    k->server = k->client = NULL;
}

void burst(struct context *server, struct context *client, unsigned how, SSL_SESSION *resume,
           int count)
{
    struct connection k;
    int good = 0, reused = 0;
    int i;

    for (i = 0; i < count; i++) {
        open_connection(&k, server, client, how, resume);
        shake_hands(&k, 0);
        good += k.good;
        reused += k.good && SSL_session_reused(k.ends.server);
        close_connection(&k, 1);
    }
    note("good=%d reused=%d", good, reused);
}
