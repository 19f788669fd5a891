/*
 * random_handshakes: long sequences of connections, drawn from a fixed seed:
 * fresh and offered sessions, clean and unclean ends, every mode, callbacks set
 * and taken away, flushes and the clock. After each step all counters of both
 * sides must be those of stock libssl.
 */
#include "harness.h"

#define POOL 6

static SSL_CTX *server;
static SSL_CTX *client;
static SSL_SESSION *pool[POOL]; /* the client's sessions */
static unsigned long long seed;

static unsigned draw(unsigned below)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(seed >> 33) % below;
}

/* Makes room in the store, which is small. */
static int bounded_new(SSL *ssl, SSL_SESSION *sess)
{
    static int kept;

    if (++kept % 40 == 0)
        note("store(%d)", store_clear());
    return keep_new(ssl, sess);
}

static void connection(void)
{
    SSL_SESSION **slot = &pool[draw(POOL)];
    const unsigned offered = draw(4);
    const unsigned ending = draw(8);
    pair p = pair_new(server, client, offered != 0 ? *slot : NULL);
    const int good = handshake(&p);

    note("handshake=%d", good);
    if (good) {
        note("reused=%d", SSL_session_reused(p.server));
        SSL_SESSION_free(*slot);
        *slot = SSL_get1_session(p.client);
    }
    if (ending == 0) {
        pair_drop(&p);
    } else if (ending == 1) {
        SSL_free(p.server); /* the client keeps a session that the server drops */
        SSL_shutdown(p.client);
        SSL_free(p.client);
    } else {
        pair_close(&p);
    }
    ERR_clear_error();
}

static void settings(void)
{
    static const long modes[] = {
        SSL_SESS_CACHE_SERVER,
        SSL_SESS_CACHE_SERVER,
        SSL_SESS_CACHE_SERVER,
        SSL_SESS_CACHE_BOTH,
        SSL_SESS_CACHE_OFF,
        SSL_SESS_CACHE_CLIENT,
        SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP,
        SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE,
        SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL,
        SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_AUTO_CLEAR,
        SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_UPDATE_TIME,
    };
    const unsigned n = sizeof(modes) / sizeof(modes[0]);

    switch (draw(8)) {
    case 0:
        SSL_CTX_set_session_cache_mode(server, modes[draw(n)]);
        break;
    case 1:
        SSL_CTX_set_session_cache_mode(client, modes[draw(n)]);
        break;
    case 2:
        SSL_CTX_sess_set_new_cb(server, draw(3) ? bounded_new : NULL);
        break;
    case 3:
        SSL_CTX_sess_set_get_cb(server, draw(3) ? store_get : NULL);
        break;
    case 4:
        SSL_CTX_sess_set_remove_cb(server, draw(3) ? log_remove : NULL);
        break;
    case 5:
        SSL_CTX_set_timeout(server, 100 + 100 * (long)draw(5));
        break;
    case 6:
        store_get_copy = (int)draw(3) - 1;
        break;
    default:
        if (draw(4) == 0)
            SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
        else if (draw(4) == 0)
            SSL_CTX_clear_options(server, SSL_OP_NO_TICKET);
    }
}

static void sequence(unsigned start, int version)
{
    int i;

    printf("-- seed %u, version %x\n", start, (unsigned)version);
    seed = start;
    set_clock(EPOCH);
    server = server_context(version);
    client = client_context(version);
    SSL_CTX_set_num_tickets(server, 1 + start % 2);
    for (i = 0; i < 300; i++) {
        connection();
        if (draw(4) == 0)
            settings();
        if (draw(6) == 0)
            advance(draw(80));
        if (draw(25) == 0)
            SSL_CTX_flush_sessions(server, draw(3) == 0 ? 0 : time(NULL));
        print_log();
        print_counters("server", server);
        print_counters("client", client);
    }
    for (i = 0; i < POOL; i++) {
        SSL_SESSION_free(pool[i]);
        pool[i] = NULL;
    }
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    print_log();
    store_clear();
    TRACE(sessions_alive());
    forget_names();
}

int main(void)
{
    unsigned start;

    begin();
    for (start = 1; start <= 3; start++) {
        sequence(start, TLS1_2_VERSION);
        sequence(start, TLS1_3_VERSION);
        sequence(start, 0);
    }
    return finish();
}
