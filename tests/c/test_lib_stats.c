/* lib_stats: sesscache_version, sesscache_attached, sesscache_ctx_stats. */
#include "library.h"

static SSL_CTX *ctx;

static SSL_SESSION *put(const char *name, long timeout)
{
    SSL_SESSION *sess = make_session(name, TLS1_3_VERSION);

    SSL_SESSION_set_timeout(sess, timeout);
    SSL_CTX_add_session(ctx, sess);
    SSL_SESSION_free(sess);
    return sess;
}

static void arguments(void)
{
    struct {
        sesscache_stats stats;
        uint64_t more[2];
    } large;
    sesscache_stats stats;
    unsigned char *raw = (unsigned char *)&stats;

    STEP("arguments");
    TRACE(strlen(library_version()) > 0);
    TRACE(library_version() == library_version());
    TRACE(library_attached(NULL));
    TRACE(library_attached(ctx));
    TRACE(library_stats(NULL, &stats, sizeof(stats)));
    TRACE(library_stats(ctx, NULL, sizeof(stats)));
    TRACE(library_stats(ctx, &stats, 0));

    STEP("a caller built against a shorter or a longer structure");
    put("A", 300);
    memset(&stats, 0xee, sizeof(stats));
    TRACE(library_stats(ctx, &stats, 4 * sizeof(uint64_t)));
    TRACE(stats.adds);
    TRACE(raw[4 * sizeof(uint64_t)] == 0xee);
    memset(&large, 0xee, sizeof(large));
    TRACE(library_stats(ctx, &large.stats, sizeof(large)));
    TRACE(large.stats.entries);
    TRACE(large.more[0]);
    TRACE(large.more[1]);
}

static void by_hand(void)
{
    SSL_SESSION *sess = make_session("B", TLS1_3_VERSION);

    STEP("each figure");
    SSL_CTX_free(ctx);
    ctx = plain_context();
    print_stats(ctx);
    TRACE(SSL_CTX_add_session(ctx, sess));
    print_stats(ctx);
    TRACE(SSL_CTX_add_session(ctx, sess)); /* the same object does not count */
    print_stats(ctx);
    put("B", 304);
    print_stats(ctx);
    TRACE(SSL_CTX_remove_session(ctx, sess));
    print_stats(ctx);
    TRACE(SSL_CTX_remove_session(ctx, sess));
    print_stats(ctx);
    put("C", 10);
    put("D", 1000);
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH + 11));
    print_stats(ctx);
    advance(11);
    put("E", 5);
    set_clock(EPOCH + 100);
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH + 100));
    print_stats(ctx);
    RUN(SSL_CTX_flush_sessions(ctx, 0));
    print_stats(ctx);
    SSL_CTX_sess_set_cache_size(ctx, 2);
    put("F", 1);
    put("G", 1);
    put("H", 1);
    print_stats(ctx);
    TRACE(cached(ctx, "G")); /* asking for an ID counts nothing */
    print_stats(ctx);
    SSL_SESSION_free(sess);
    set_clock(EPOCH);
}

static void with_handshakes(int version)
{
    SSL_CTX *server = server_context(version);
    SSL_CTX *client = client_context(version);
    SSL_SESSION *session = NULL;

    printf("-- handshakes, version %x\n", (unsigned)version);
    SSL_CTX_set_num_tickets(server, 1);
    TRACE(library_attached(server));
    TRACE(library_attached(client));
    TRACE(visit(server, client, &session));
    print_stats(server);
    TRACE(offer(server, client, session));
    print_stats(server);
    SSL_SESSION_set_timeout(session, 1000000);
    advance(100000);
    TRACE(offer(server, client, session));
    print_stats(server);
    set_clock(EPOCH);
    RUN(SSL_CTX_flush_sessions(server, 0));
    TRACE(offer(server, client, session));
    print_stats(server);
    print_stats(client);
    SSL_SESSION_free(session);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

int main(void)
{
    begin();
    ctx = plain_context();
    arguments();
    by_hand();
    SSL_CTX_free(ctx);
    with_handshakes(TLS1_2_VERSION);
    with_handshakes(TLS1_3_VERSION);
    return finish();
}
