/*
 * stress SECONDS [mirror|brief|race]: eight threads on one server context, with all that
 * may be done to it at once: handshakes of both versions, sessions added,
 * removed and flushed, new lifetimes for sessions that are cached, modes, sizes
 * and callbacks changed, contexts made and freed. At the end nothing may be
 * left over and the core's figures must add up.
 *
 * With "mirror" libssl's own table of the context is asked for too, and early
 * data is allowed; lifetimes are left alone then, for libssl itself reads the
 * place of a session in its table without a lock.
 *
 * With "brief" it need not have come to everything: valgrind slows it down. With
 * "race" the threads also write to one variable without a lock, so that
 * ThreadSanitizer can show that it would find such a thing.
 *
 * Runs with the library only: stock libssl crashes (D7, D8).
 */
#include "../library.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#define THREADS 8
#define POOL 4
#define SHARED 64

DEFINE_LHASH_OF(SSL_SESSION);

static SSL_CTX *server;
static SSL_CTX *second; /* a session object may be in both (D7) */
static SSL_CTX *client;
static int mirror;
static int race;
static unsigned long raced;
static atomic_bool stop;

/* Sessions that pass from thread to thread; each place owns one reference. */
static _Atomic(SSL_SESSION *) shared[SHARED];

static atomic_long handshakes, resumed, failed, told_new, told_get, told_remove, made_contexts;

struct worker {
    pthread_t thread;
    uint64_t seed;
    SSL_SESSION *pool[POOL];
    unsigned named;
};

static unsigned draw(struct worker *w, unsigned below)
{
    w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(w->seed >> 33) % below;
}

/* Puts a session into a place, and drops the one that was there. Takes over the reference. */
static void share(unsigned place, SSL_SESSION *sess)
{
    SSL_SESSION_free(atomic_exchange(&shared[place % SHARED], sess));
}

/* Takes what a place has, leaving a reference of its own there. NULL if it is empty. */
static SSL_SESSION *borrow(unsigned place)
{
    SSL_SESSION *sess = atomic_exchange(&shared[place % SHARED], NULL);

    if (sess != NULL) {
        SSL_SESSION_up_ref(sess);
        share(place, sess);
    }
    return sess;
}

static int on_new(SSL *ssl, SSL_SESSION *sess)
{
    const long n = atomic_fetch_add(&told_new, 1);

    (void)ssl;
    if (n % 3 == 0)
        return 0;
    share((unsigned)n, sess);
    return 1;
}

static SSL_SESSION *on_get(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    unsigned have;

    (void)ssl;
    atomic_fetch_add(&told_get, 1);
    for (unsigned i = 0; i < SHARED; i++) {
        SSL_SESSION *sess = borrow(i);
        if (sess == NULL)
            continue;
        const unsigned char *data = SSL_SESSION_get_id(sess, &have);
        if ((int)have == len && memcmp(data, id, have) == 0) {
            *copy = 0;
            return sess;
        }
        SSL_SESSION_free(sess);
    }
    return NULL;
}

/* A remove callback may call the cache (D3). */
static void on_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    const long n = atomic_fetch_add(&told_remove, 1);

    if (n % 16 == 0)
        SSL_CTX_remove_session(ctx, sess);
    else if (n % 16 == 1)
        SSL_CTX_sess_number(ctx);
}

static SSL_CTX *make_server(void)
{
    SSL_CTX *ctx = server_context(0);

    REQUIRE(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION));
    SSL_CTX_sess_set_new_cb(ctx, on_new);
    SSL_CTX_sess_set_get_cb(ctx, on_get);
    SSL_CTX_sess_set_remove_cb(ctx, on_remove);
    return ctx;
}

static void connection(struct worker *w, SSL_CTX *ctx)
{
    SSL_SESSION **place = &w->pool[draw(w, POOL)];
    pair p = pair_new(ctx, client, draw(w, 8) != 0 ? *place : NULL);

    REQUIRE(SSL_set_max_proto_version(p.client, draw(w, 2) ? TLS1_2_VERSION : TLS1_3_VERSION));
    if (handshake(&p)) {
        atomic_fetch_add(&handshakes, 1);
        if (SSL_session_reused(p.server))
            atomic_fetch_add(&resumed, 1);
        SSL_SESSION_free(*place);
        *place = SSL_get1_session(p.client);
        if (draw(w, 4) == 0)
            share(draw(w, SHARED), SSL_get1_session(p.server));
    } else {
        atomic_fetch_add(&failed, 1);
    }
    if (draw(w, 8) == 0)
        pair_drop(&p);
    else
        pair_close(&p);
}

static void new_session(struct worker *w)
{
    SSL_SESSION *sess = SSL_SESSION_new();
    unsigned char id[32] = {0};

    REQUIRE(sess != NULL);
    id[0] = (unsigned char)(w->named++ % 50); /* threads make the same IDs */
    REQUIRE(SSL_SESSION_set1_id(sess, id, sizeof(id)));
    REQUIRE(SSL_SESSION_set_protocol_version(sess, draw(w, 2) ? TLS1_2_VERSION : TLS1_3_VERSION));
    SSL_SESSION_set_time(sess, (long)time(NULL));
    SSL_SESSION_set_timeout(sess, 1 + draw(w, 300));
    SSL_CTX_add_session(server, sess);
    share(draw(w, SHARED), sess);
}

static void on_shared(struct worker *w, SSL_SESSION *sess, unsigned what)
{
    switch (what) {
    case 0:
    case 1:
        SSL_CTX_add_session(server, sess);
        break;
    case 2:
        SSL_CTX_remove_session(server, sess);
        break;
    case 3:
        if (!mirror)
            SSL_SESSION_set_timeout(sess, draw(w, 500));
        break;
    case 4:
        if (!mirror)
            SSL_SESSION_set_time(sess, (long)time(NULL) - draw(w, 50));
        break;
    case 5:
        if (!mirror)
            SSL_CTX_add_session(second, sess);
        break;
    default:
        SSL_CTX_remove_session(second, sess);
    }
}

static void settings(struct worker *w)
{
    static const long modes[] = {SSL_SESS_CACHE_SERVER,
                                 SSL_SESS_CACHE_SERVER,
                                 SSL_SESS_CACHE_BOTH | SSL_SESS_CACHE_NO_AUTO_CLEAR,
                                 SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP,
                                 SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE,
                                 SSL_SESS_CACHE_OFF};
    static const long sizes[] = {0, 1, 20, 100};

    switch (draw(w, 6)) {
    case 0:
        /* UPDATE_TIME sets the time of the session added; see set_time above. */
        SSL_CTX_set_session_cache_mode(
            server, modes[draw(w, 6)] | (mirror || draw(w, 2) ? 0 : SSL_SESS_CACHE_UPDATE_TIME));
        break;
    case 1:
        SSL_CTX_sess_set_cache_size(server, sizes[draw(w, 4)]);
        break;
    case 2:
        SSL_CTX_sess_set_new_cb(server, draw(w, 3) ? on_new : NULL);
        break;
    case 3:
        SSL_CTX_sess_set_get_cb(server, draw(w, 3) ? on_get : NULL);
        break;
    case 4:
        SSL_CTX_sess_set_remove_cb(server, draw(w, 3) ? on_remove : NULL);
        break;
    default:
        if (mirror)
            SSL_CTX_sessions(server);
    }
}

/* The sums must hold at any moment, whatever the others do. */
static void check_sums(SSL_CTX *ctx)
{
    sesscache_stats s = {0};

    if (library_stats(ctx, &s, sizeof(s)) != 1)
        return;
    if (s.lookups != s.hits + s.misses ||
        s.adds != s.entries + s.replaced + s.evicted + s.expired + s.removed + s.flushed) {
        fprintf(stderr, "the sums do not hold\n");
        print_stats(ctx);
        fflush(stdout);
        _exit(3);
    }
}

static void one_context(struct worker *w)
{
    SSL_CTX *ctx = make_server();
    unsigned n;

    atomic_fetch_add(&made_contexts, 1);
    for (n = draw(w, 4); n > 0; n--)
        connection(w, ctx);
    check_sums(ctx);
    SSL_CTX_free(ctx);
}

static void one_act(struct worker *w)
{
    const unsigned what = draw(w, 40);
    SSL_SESSION *sess;

    if (what < 16) {
        connection(w, server);
    } else if (what < 21) {
        new_session(w);
    } else if (what < 33) {
        sess = borrow(draw(w, SHARED));
        if (sess != NULL)
            on_shared(w, sess, what - 21 < 7 ? what - 21 : draw(w, 7));
        SSL_SESSION_free(sess);
    } else if (what < 35) {
        settings(w);
    } else if (what == 35) {
        SSL_CTX_flush_sessions(server, draw(w, 8) ? (long)time(NULL) + draw(w, 100) : 0);
    } else if (what == 36) {
        cached(server, "x");
        advance(draw(w, 10));
    } else if (what == 37) {
        check_sums(server);
    } else if (what == 38) {
        one_context(w);
    } else {
        share(draw(w, SHARED), NULL);
    }
}

/*
 * libssl's own table is to have what the cache has, by ID. It lacks what has none:
 * libssl takes the ID from a session that is marked during its handshake, and
 * could not remove it any more.
 */
static struct {
    unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH];
    unsigned len;
    int version;
} copied[1 << 14];
static size_t copied_len;
static unsigned long lacking, without_id;

static void on_copied(SSL_SESSION *sess)
{
    const unsigned char *id = SSL_SESSION_get_id(sess, &copied[copied_len].len);

    REQUIRE(copied_len + 1 < sizeof(copied) / sizeof(copied[0]));
    memcpy(copied[copied_len].id, id, copied[copied_len].len);
    copied[copied_len++].version = SSL_SESSION_get_protocol_version(sess);
}

static void on_cached(SSL_CTX *ctx, SSL_SESSION *sess)
{
    unsigned len;
    const unsigned char *id = SSL_SESSION_get_id(sess, &len);

    (void)ctx;
    for (size_t i = 0; i < copied_len; i++) {
        if (copied[i].len == len && memcmp(copied[i].id, id, len) == 0 &&
            copied[i].version == SSL_SESSION_get_protocol_version(sess)) {
            copied[i] = copied[--copied_len];
            return;
        }
    }
    lacking += len > 0;
    without_id += len == 0;
}

static void compare_copy(void)
{
    LHASH_OF(SSL_SESSION) *table = SSL_CTX_sessions(server);

    lh_SSL_SESSION_doall(table, on_copied);
    SSL_CTX_sess_set_remove_cb(server, on_cached);
    SSL_CTX_flush_sessions(server, 0);
    printf("libssl's table: more=%zu fewer=%lu without_id=%lu left=%lu\n", copied_len, lacking,
           without_id, lh_SSL_SESSION_num_items(table));
}

static void *work(void *arg)
{
    struct worker *w = arg;
    int i;

    while (!atomic_load(&stop)) {
        one_act(w);
        if (race)
            raced++;
    }
    for (i = 0; i < POOL; i++)
        SSL_SESSION_free(w->pool[i]);
    return NULL;
}

/* The clock of the machine; that of the sessions stands still between the threads' advances. */
static void wait_for(long seconds)
{
    struct timespec end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += seconds;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) != 0)
        ;
}

int main(int argc, char **argv)
{
    static struct worker workers[THREADS];
    const long seconds = argc > 1 ? atol(argv[1]) : 5;
    unsigned i;

    begin();
    alarm((unsigned)seconds + 60);
    const char *how = argc > 2 ? argv[2] : "";
    mirror = strcmp(how, "mirror") == 0;
    race = strcmp(how, "race") == 0;
    server = make_server();
    second = make_server();
    client = client_context(0);
    if (mirror)
        SSL_CTX_set_max_early_data(server, 16384);
    for (i = 0; i < THREADS; i++) {
        workers[i].seed = i;
        REQUIRE(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    wait_for(seconds);
    atomic_store(&stop, true);
    for (i = 0; i < THREADS; i++)
        REQUIRE(pthread_join(workers[i].thread, NULL) == 0);

    check_sums(server);
    check_sums(second);
    print_stats(server);
    print_stats(second);
    if (mirror)
        compare_copy();
    for (i = 0; i < SHARED; i++)
        share(i, NULL);
    SSL_CTX_free(server);
    SSL_CTX_free(second);
    SSL_CTX_free(client);
    printf("handshakes=%ld resumed=%ld failed=%ld new=%ld get=%ld remove=%ld contexts=%ld\n",
           atomic_load(&handshakes), atomic_load(&resumed), atomic_load(&failed),
           atomic_load(&told_new), atomic_load(&told_get), atomic_load(&told_remove),
           atomic_load(&made_contexts));
    printf("made=%ld alive=%ld\n", sessions_made(), sessions_alive());
    free_certificate();
    if (sessions_alive() != 0 || atomic_load(&failed) != 0 || atomic_load(&handshakes) == 0)
        return 1;
    return strcmp(how, "brief") != 0 &&
           (atomic_load(&resumed) == 0 || atomic_load(&told_remove) == 0);
}
