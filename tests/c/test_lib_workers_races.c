/*
 * lib_workers_races: the first flight of a client, with its early data, is
 * replayed to four workers at the same time, ten thousand times. One of them
 * accepts it.
 *
 * The handshakes are not finished: a server has decided when it has read the
 * client's flight, and is stopped where it asks for its certificate.
 */
#include "workers.h"

#include <stdatomic.h>

#define RACES 10000
/* One handshake gives so many sessions. */
#define BATCH 100
/* The alarm is for so many races. */
#define ROUND 1000

/* A client's flight: a ClientHello, and early data. */
struct flight {
    int len;
    unsigned char bytes[4096]; /* a key share of ML-KEM alone has 1,184 */
};

static SSL_CTX *server;
static struct flight *flights; /* of one batch; shared */
static atomic_int *accepted;   /* by race; shared */

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(worker_client);
}

/* Handshakes that make sessions go on, those of replays end here. */
static int replaying;

static int certificate_callback(SSL *ssl, void *arg)
{
    (void)arg;
    return replaying && !SSL_session_reused(ssl) ? -1 : 1;
}

/* The sessions of one handshake. */
static SSL_SESSION *tickets[BATCH];
static int tickets_len;

static int collect(SSL *ssl, SSL_SESSION *sess)
{
    (void)ssl;
    REQUIRE(tickets_len < BATCH);
    tickets[tickets_len++] = sess;
    return 1;
}

static void open_contexts(void)
{
    server = server_context(TLS1_3_VERSION);
    worker_client = client_context(TLS1_3_VERSION);
    SSL_CTX_set_num_tickets(server, BATCH);
    SSL_CTX_set_max_early_data(server, 100);
    SSL_CTX_set_cert_cb(server, certificate_callback, NULL);
    SSL_CTX_set_session_cache_mode(worker_client,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(worker_client, collect);
}

static void make_flight(SSL_SESSION *session, struct flight *flight)
{
    pair p = pair_new(server, worker_client, session);
    size_t done;

    REQUIRE(SSL_write_early_data(p.client, "early", 5, &done) == 1);
    flight->len = BIO_read(SSL_get_wbio(p.client), flight->bytes, sizeof(flight->bytes));
    REQUIRE(flight->len > 0 && BIO_pending(SSL_get_wbio(p.client)) == 0);
    pair_drop(&p);
}

static void make_batch(void)
{
    pair p = pair_new(server, worker_client, NULL);
    int i;

    replaying = tickets_len = 0;
    REQUIRE(handshake(&p) && tickets_len == BATCH);
    pair_close(&p);
    for (i = 0; i < BATCH; i++) {
        make_flight(tickets[i], &flights[i]);
        SSL_SESSION_free(tickets[i]);
    }
}

/* One server reads the flight when the others do: 1 if it accepts the early data. */
static int accepts(const struct flight *flight)
{
    SSL *ssl = SSL_new(server);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    char bytes[16];
    size_t done;
    int got, accepted_here;

    REQUIRE(ssl != NULL && in != NULL && out != NULL);
    REQUIRE(BIO_write(in, flight->bytes, flight->len) == flight->len);
    SSL_set_bio(ssl, in, out);
    SSL_set_accept_state(ssl);
    replaying = 1;
    meet();
    got = SSL_read_early_data(ssl, bytes, sizeof(bytes), &done);
    accepted_here = got == SSL_READ_EARLY_DATA_SUCCESS;
    if (accepted_here)
        REQUIRE(SSL_session_reused(ssl) && done == 5 && memcmp(bytes, "early", 5) == 0);
    else
        REQUIRE(SSL_get_error(ssl, 0) == SSL_ERROR_WANT_X509_LOOKUP && !SSL_session_reused(ssl));
    SSL_free(ssl);
    return accepted_here;
}

static long race(SSL_CTX *ctx, saved *session, long first)
{
    long won = 0;
    long i;

    (void)ctx, (void)session;
    guard();
    for (i = first; i < first + ROUND; i++) {
        if (i % BATCH == 0) {
            meet();
            if (i / BATCH % WORKERS == this_worker())
                make_batch();
            meet();
        }
        if (accepts(&flights[i % BATCH])) {
            atomic_fetch_add(&accepted[i], 1);
            won++;
        }
    }
    return won;
}

int main(void)
{
    long results[WORKERS];
    int never = 0, twice = 0, won = 0;
    int i;

    begin();
    flights = shared_memory(BATCH * sizeof(*flights));
    accepted = shared_memory(RACES * sizeof(*accepted));
    open_contexts();
    workers_start(close_contexts);
    for (i = 0; i < RACES; i += ROUND) {
        guard();
        at_all(race, server, NULL, i, results);
        won += (int)(results[A] + results[B] + results[C] + results[D]);
    }
    for (i = 0; i < RACES; i++) {
        never += accepted[i] == 0;
        twice += accepted[i] > 1;
    }
    TRACE(never);
    TRACE(twice);
    TRACE(won);
    workers_stop();
    close_contexts();
    return finish();
}
