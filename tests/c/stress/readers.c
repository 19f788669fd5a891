/*
 * readers SECONDS [calm]: lookups while the table changes under them. The
 * library finds sessions without a lock, so what it must not do shows only in
 * moments: miss a session that is there all the time, find one that is not, or
 * answer with the session of another ID.
 *
 * Each round has a new context, whose table grows from nothing, so that its
 * lines are split and go on elsewhere; then sessions are added, removed,
 * flushed and evicted, so that entries are used again and again. Meanwhile
 *
 *   watchers   ask for sessions that are there, for IDs that nobody has, and
 *              for sessions that they have just added or removed themselves
 *   a server   is offered sessions by clients' first messages: some are there,
 *              some come and go
 *
 * The watchers and the server are also stopped by signals, anywhere, for as
 * long as it takes to remove and add sessions; not with "calm", for
 * ThreadSanitizer puts signals off until they find nothing.
 */
#include "../library.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#define WATCHERS 2
#define KEPT 64      /* sessions that are there all the time */
#define OWN 16       /* sessions of each watcher */
#define POOL 5000    /* sessions that the table grows by */
#define CHANGES 8000 /* after it has grown */
#define OFFERED 6    /* sessions of real connections: half of them stay, half come and go */
#define STAYING (OFFERED / 2)

/* The pool's lifetimes are below this; what must not be flushed or evicted has a longer one. */
#define SHORT 1000
#define LONG 100000

/* A session of a connection: in DER, as one that was removed cannot be resumed, and its offer. */
struct offered {
    unsigned char id[32];
    unsigned char *der;
    long der_len;
    unsigned char *hello;
    int hello_len;
};

static struct offered offers[OFFERED];
static SSL_SESSION *kept[KEPT];
static SSL_SESSION *own[WATCHERS][OWN];
static SSL_SESSION *pool[POOL];

static SSL_CTX *ctx; /* of this round */
static SSL_CTX *client;
static atomic_bool over;   /* the round */
static atomic_ulong swaps; /* sessions that took the place of others */
static atomic_ulong stops; /* signals that found somebody at work */
static atomic_ulong looks, resumed, full;
static long rounds;

__attribute__((noreturn)) static void wrong(const char *what)
{
    fprintf(stderr, "round %ld: %s\n", rounds, what);
    fflush(stdout);
    _exit(3);
}

/* A stream of numbers for each round and thread; 0 of round 0 is the program's. */
static uint64_t seed_of(long round, unsigned thread)
{
    return ((uint64_t)round * 64 + thread + 1) * UINT64_C(0x9E3779B97F4A7C15);
}

static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}

static void random_id(uint64_t *seed, unsigned char *id)
{
    for (int i = 0; i < 4; i++) {
        const uint64_t n = draw(seed);
        memcpy(id + 8 * i, &n, sizeof n);
    }
}

static SSL_SESSION *new_session(uint64_t *seed, long timeout)
{
    SSL_SESSION *sess = SSL_SESSION_new();
    unsigned char id[32];

    random_id(seed, id);
    REQUIRE(sess != NULL && SSL_SESSION_set1_id(sess, id, sizeof id));
    REQUIRE(SSL_SESSION_set_protocol_version(sess, TLS1_2_VERSION));
    SSL_SESSION_set_time(sess, EPOCH);
    SSL_SESSION_set_timeout(sess, timeout);
    return sess;
}

/* Stops who is at work for as long as it takes to use an entry again, but not for ever. */
static void on_stop(int signum)
{
    const unsigned long before = atomic_load(&swaps);

    (void)signum;
    atomic_fetch_add(&stops, 1);
    for (int i = 0; i < 100000 && atomic_load(&swaps) - before < 2; i++)
        ;
}

static SSL *accept_offer(const struct offered *o)
{
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new_mem_buf(o->hello, o->hello_len), *out = BIO_new(BIO_s_mem());

    REQUIRE(ssl != NULL && in != NULL && out != NULL);
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(ssl, in, out);
    REQUIRE(SSL_accept(ssl) == -1 && SSL_get_error(ssl, -1) == SSL_ERROR_WANT_READ);
    return ssl;
}

/* Runs the server until it has answered the client's first message. */
static void look_up(const struct offered *o, bool there)
{
    SSL *ssl = accept_offer(o);
    unsigned int len = 0;

    if (SSL_session_reused(ssl)) {
        const unsigned char *id = SSL_SESSION_get_id(SSL_get_session(ssl), &len);
        if (len != sizeof o->id || memcmp(id, o->id, len) != 0)
            wrong("a connection was given the session of another ID");
        atomic_fetch_add(&resumed, 1);
    } else {
        if (there)
            wrong("a connection was not given a session that was there");
        atomic_fetch_add(&full, 1);
    }
    SSL_free(ssl);
}

static void *serve(void *arg)
{
    uint64_t seed = seed_of(rounds, 1);

    (void)arg;
    while (!atomic_load(&over)) {
        const unsigned i = draw(&seed) % OFFERED;
        look_up(&offers[i], i < STAYING);
    }
    return NULL;
}

static int has(SSL *ssl, const SSL_SESSION *sess)
{
    unsigned int len;
    const unsigned char *id = SSL_SESSION_get_id(sess, &len);

    return SSL_has_matching_session_id(ssl, id, len);
}

static void *watch(void *arg)
{
    SSL_SESSION **mine = arg;
    uint64_t seed = seed_of(rounds, 3 + (unsigned)(mine - own[0]));
    unsigned long n = 0;
    pair p = pair_new(ctx, client, NULL); /* what has agreed on a version can be asked */

    REQUIRE(handshake(&p));
    for (; !atomic_load(&over); n++) {
        unsigned char id[32];
        if (!has(p.server, kept[draw(&seed) % KEPT]))
            wrong("a session that was there all the time was not found");
        random_id(&seed, id);
        if (SSL_has_matching_session_id(p.server, id, sizeof id))
            wrong("an ID that nobody has was found");
        if (n % 16 == 0) {
            SSL_SESSION *sess = mine[draw(&seed) % OWN];
            const int there = has(p.server, sess);
            const int done =
                there ? SSL_CTX_remove_session(ctx, sess) : SSL_CTX_add_session(ctx, sess);
            if (done != 1)
                wrong("a session of one thread alone was there, or was not");
            if (has(p.server, sess) == there)
                wrong(there ? "a session was found after its removal"
                            : "a session was not found after it was added");
        }
    }
    atomic_fetch_add(&looks, n);
    pair_close(&p);
    return NULL;
}

/* One session of a connection takes the place of another, with its entry. */
static void *swap(void *arg)
{
    SSL_SESSION *there = NULL;

    (void)arg;
    for (unsigned i = 0; !atomic_load(&over); i++) {
        const struct offered *o = &offers[STAYING + i % (OFFERED - STAYING)];
        const unsigned char *der = o->der;
        SSL_SESSION *next = d2i_SSL_SESSION(NULL, &der, o->der_len);
        REQUIRE(next != NULL);
        if (there != NULL)
            SSL_CTX_remove_session(ctx, there);
        SSL_SESSION_free(there);
        there = next;
        REQUIRE(SSL_CTX_add_session(ctx, there) == 1);
        atomic_fetch_add(&swaps, 1);
    }
    SSL_SESSION_free(there);
    return NULL;
}

static void *change(void *arg)
{
    uint64_t seed = seed_of(rounds, 2);

    (void)arg;
    for (int i = 0; i < POOL; i++) {
        SSL_CTX_add_session(ctx, pool[i]);
        atomic_fetch_add(&swaps, 1);
    }
    for (int i = 0; i < CHANGES; i++) {
        SSL_SESSION *sess = pool[draw(&seed) % POOL];
        switch (draw(&seed) % 2000) {
        case 0:
            SSL_CTX_flush_sessions(ctx, EPOCH + (long)(draw(&seed) % SHORT));
            break;
        case 1:
            SSL_CTX_sess_set_cache_size(ctx, (long)(POOL / 2 + draw(&seed) % POOL));
            break;
        case 2:
            SSL_CTX_sess_set_cache_size(ctx, 0);
            break;
        default:
            if (draw(&seed) % 2 == 0)
                SSL_CTX_remove_session(ctx, sess);
            else
                SSL_CTX_add_session(ctx, sess);
        }
        atomic_fetch_add(&swaps, 1);
    }
    atomic_store(&over, true);
    return NULL;
}

static void check_sums(void)
{
    sesscache_stats s = {0};

    REQUIRE(library_stats(ctx, &s, sizeof s) == 1);
    if (s.lookups != s.hits + s.misses ||
        s.adds != s.entries + s.replaced + s.evicted + s.expired + s.removed + s.flushed ||
        (long)s.entries != SSL_CTX_sess_number(ctx))
        wrong("the sums do not hold");
}

static void one_round(bool calm)
{
    pthread_t changing, swapping, serving, watching[WATCHERS];

    ctx = server_context(TLS1_2_VERSION);
    SSL_CTX_sess_set_cache_size(ctx, 0);
    for (int i = 0; i < KEPT; i++)
        REQUIRE(SSL_CTX_add_session(ctx, kept[i]) == 1);
    for (int i = 0; i < STAYING; i++) {
        const unsigned char *der = offers[i].der;
        SSL_SESSION *sess = d2i_SSL_SESSION(NULL, &der, offers[i].der_len);
        REQUIRE(sess != NULL && SSL_CTX_add_session(ctx, sess) == 1);
        SSL_SESSION_free(sess);
    }
    atomic_store(&over, false);
    for (int i = 0; i < WATCHERS; i++)
        REQUIRE(pthread_create(&watching[i], NULL, watch, own[i]) == 0);
    REQUIRE(pthread_create(&serving, NULL, serve, NULL) == 0);
    REQUIRE(pthread_create(&swapping, NULL, swap, NULL) == 0);
    REQUIRE(pthread_create(&changing, NULL, change, NULL) == 0);
    const struct timespec pause = {.tv_nsec = 50000};
    for (int i = 0; !calm && !atomic_load(&over); i++) {
        nanosleep(&pause, NULL);
        pthread_kill(i % 4 == 0 ? watching[i / 4 % WATCHERS] : serving, SIGUSR2);
    }
    REQUIRE(pthread_join(changing, NULL) == 0);
    REQUIRE(pthread_join(swapping, NULL) == 0);
    REQUIRE(pthread_join(serving, NULL) == 0);
    for (int i = 0; i < WATCHERS; i++)
        REQUIRE(pthread_join(watching[i], NULL) == 0);
    check_sums();
    SSL_CTX_free(ctx);
}

/* Makes the session of a connection, and the first message of a client that offers it. */
static void make_offer(struct offered *o)
{
    SSL_CTX *server = server_context(TLS1_2_VERSION);
    pair p = pair_new(server, client, NULL);
    unsigned int len;
    unsigned char *hello;

    REQUIRE(handshake(&p));
    SSL_SESSION *mine = SSL_get1_session(p.client), *theirs = SSL_get_session(p.server);
    const unsigned char *id = SSL_SESSION_get_id(theirs, &len);
    REQUIRE(len == sizeof o->id);
    memcpy(o->id, id, len);
    SSL_SESSION_set_timeout(theirs, LONG);
    o->der_len = i2d_SSL_SESSION(theirs, &o->der);
    REQUIRE(o->der_len > 0);
    pair_close(&p);

    p = pair_new(server, client, mine);
    REQUIRE(SSL_do_handshake(p.client) == -1);
    const long hello_len = BIO_get_mem_data(SSL_get_wbio(p.client), &hello);
    REQUIRE(hello_len > 0 && (o->hello = malloc((size_t)hello_len)) != NULL);
    memcpy(o->hello, hello, (size_t)hello_len);
    o->hello_len = (int)hello_len;
    pair_drop(&p);
    SSL_SESSION_free(mine);
    SSL_CTX_free(server);
}

int main(int argc, char **argv)
{
    const long seconds = argc > 1 ? atol(argv[1]) : 5;
    const bool calm = argc > 2 && strcmp(argv[2], "calm") == 0;
    struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART | SA_ONSTACK};
    struct timespec now, end;
    uint64_t seed = seed_of(0, 0);

    begin();
    alarm((unsigned)seconds + 60);
    REQUIRE(sigaction(SIGUSR2, &action, NULL) == 0);
    client = client_context(TLS1_2_VERSION);
    for (int i = 0; i < OFFERED; i++)
        make_offer(&offers[i]);
    for (int i = 0; i < KEPT; i++)
        kept[i] = new_session(&seed, LONG);
    for (int i = 0; i < WATCHERS * OWN; i++)
        own[i / OWN][i % OWN] = new_session(&seed, LONG);
    for (int i = 0; i < POOL; i++)
        pool[i] = new_session(&seed, (long)(draw(&seed) % SHORT));

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += seconds;
    do {
        one_round(calm);
        rounds++;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));

    for (int i = 0; i < KEPT; i++)
        SSL_SESSION_free(kept[i]);
    for (int i = 0; i < WATCHERS * OWN; i++)
        SSL_SESSION_free(own[i / OWN][i % OWN]);
    for (int i = 0; i < POOL; i++)
        SSL_SESSION_free(pool[i]);
    for (int i = 0; i < OFFERED; i++) {
        OPENSSL_free(offers[i].der);
        free(offers[i].hello);
    }
    SSL_CTX_free(client);
    printf("rounds=%ld looks=%lu resumed=%lu full=%lu stops=%lu\n", rounds, atomic_load(&looks),
           atomic_load(&resumed), atomic_load(&full), atomic_load(&stops));
    printf("made=%ld alive=%ld\n", sessions_made(), sessions_alive());
    free_certificate();
    return sessions_alive() != 0 || atomic_load(&resumed) == 0 || atomic_load(&full) == 0;
}
