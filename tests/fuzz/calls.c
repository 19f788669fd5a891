/* calls.c: the calls of a fuzz input; each takes its arguments from the bytes of a record. */
#include "world.h"

#include <limits.h>
#include <stdint.h>

DEFINE_LHASH_OF(SSL_SESSION);

static const long deltas[] = {0, 1, 1, 1, 10, 49, 50, 51, 100, 300, 301, 7201};

/* The object of a slot, or of the next one that has any. */
static SSL_SESSION *pick(unsigned char slot)
{
    int i;

    for (i = 0; i < OBJECTS; i++)
        if (world.objects[(slot + i) % OBJECTS] != NULL)
            return world.objects[(slot + i) % OBJECTS];
    return NULL;
}

/* A lifetime that the input may use. */
static long timeout_of(unsigned char b)
{
    static const long timeouts[] = {0, 1, 50, 100, 100, 200, 300, 300, 7200, 1L << 40};

    if (world.lifetimes == NEVER_EXPIRING && b % 4 == 0)
        return LONG_MAX;
    return timeouts[b % 10];
}

static void make_object(const unsigned char *r)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION, TLS1_3_VERSION, TLS1_1_VERSION};
    static const unsigned lengths[] = {32, 32, 32, 32, 32, 16, 1, 0};
    static const unsigned char cipher[2][2] = {{0xc0, 0x2b}, {0x13, 0x01}};
    const int version = versions[r[3] % 4];
    const unsigned len = lengths[r[3] / 4 % (world.without_ids ? 8 : 7)];
    unsigned char id[40] = {(unsigned char)('a' + r[2] % 6)};
    SSL_SESSION *sess = SSL_SESSION_new();
    SSL *ssl = SSL_new(world.slots[3]->ctx);

    REQUIRE(sess != NULL && ssl != NULL);
    if (r[3] == 255)
        note("long=%d", SSL_SESSION_set1_id(sess, id, 33));
    REQUIRE(SSL_SESSION_set1_id(sess, id, len));
    REQUIRE(SSL_SESSION_set_protocol_version(sess, version));
    /* Without a cipher libssl crashes if a get callback returns the session. */
    REQUIRE(SSL_SESSION_set_cipher(sess, SSL_CIPHER_find(ssl, cipher[version == TLS1_3_VERSION])));
    SSL_free(ssl);
    SSL_SESSION_set_time(sess, (long)time(NULL));
    SSL_SESSION_set_timeout(sess, timeout_of(r[4]));
    put_object(r[1] % BY_HAND, sess);
    note("%s", label(sess));
}

static void keep_object(const unsigned char *r)
{
    const struct connection *k = &world.connections[r[2] % CONNECTIONS];
    SSL_SESSION *sess;

    if (!k->good || k->server == NULL)
        return;
    sess = SSL_get1_session(r[3] % 2 ? k->ends.server : k->ends.client);
    settle(sess, r[3] % 2 ? k->server : k->client);
    note("%s", label(sess));
    put_object(r[1] % OBJECTS, sess);
}

/* Another object of the same session; as resumable as ever, and at home nowhere. */
static void copy_object(const unsigned char *r)
{
    unsigned char der[8192], *end = der;
    const unsigned char *start = der;
    SSL_SESSION *from = pick(r[2]);
    const int len = from != NULL ? i2d_SSL_SESSION(from, NULL) : 0;

    if (len <= 0 || len > (int)sizeof(der))
        return;
    i2d_SSL_SESSION(from, &end);
    put_object(r[1] % OBJECTS, d2i_SSL_SESSION(NULL, &start, len));
    if (world.objects[r[1] % OBJECTS] != NULL)
        note("%s", label(world.objects[r[1] % OBJECTS]));
}

static void add(struct context *c, SSL_SESSION *sess)
{
    unsigned len;

    if (sess == NULL || !usable(sess, c))
        return;
    /* D4: one that is marked as not resumable resumes from libssl's cache, not from this one. */
    SSL_SESSION_get_id(sess, &len);
    if (len == 0 && !world.without_ids)
        return;
    if (!SSL_SESSION_is_resumable(sess) && len > 0 && !world.by_hand)
        return;
    before_placing(sess);
    settle(sess, c);
    note("add(%s)=%d", label(sess), SSL_CTX_add_session(c->ctx, sess));
}

static void remove_object(struct context *c, SSL_SESSION *sess)
{
    /* D4, D7: a session that another context caches would be marked there. */
    if (sess == NULL || !usable(sess, c))
        return;
    note("remove(%s)=%d", label(sess), SSL_CTX_remove_session(c->ctx, sess));
    note("now %s", label(sess));
}

static void flush(struct context *c, unsigned char how)
{
    const long now = (long)time(NULL);
    const long times[] = {now, now, now + 50, now + 301, 0, now - 100, 1, -1, LONG_MAX, LONG_MIN};

    note("flush %d", how % 10);
    SSL_CTX_flush_sessions(c->ctx, times[how % 10]);
}

static void lifetime(SSL_SESSION *sess, const unsigned char *r)
{
    long t = (long)time(NULL);

    if (sess == NULL)
        return;
    if (r[3] % 2) {
        note("timeout(%s)=%ld", label(sess), SSL_SESSION_set_timeout(sess, timeout_of(r[4])));
        before_placing(sess);
    } else {
        if (r[4] % 4 != 0)
            t -= deltas[r[4] % 12];
        if (world.lifetimes == BEFORE_1970 && r[4] % 16 == 5) {
            SSL_SESSION_set_timeout(sess, 300); /* D5: all such sessions are alike */
            t = -5;
        }
        if (SSL_SESSION_get_timeout(sess) == LONG_MAX) /* D5 */
            t = (long)time(NULL);
        note("time(%s) %d", label(sess), SSL_SESSION_set_time(sess, t) == t);
    }
    if (r[4] == 255)
        note("negative=%ld", SSL_SESSION_set_timeout(sess, -1));
    note("is %ld+%ld", SSL_SESSION_get_time(sess), SSL_SESSION_get_timeout(sess));
}

static void set_mode(struct context *c, const unsigned char *r)
{
    static const long bits[] = {SSL_SESS_CACHE_CLIENT,
                                SSL_SESS_CACHE_SERVER,
                                SSL_SESS_CACHE_NO_AUTO_CLEAR,
                                SSL_SESS_CACHE_NO_INTERNAL_LOOKUP,
                                SSL_SESS_CACHE_NO_INTERNAL_STORE,
                                SSL_SESS_CACHE_UPDATE_TIME};
    long mode = 0;
    int i;

    if (r[3] % 4 != 0) /* mostly something that caches on servers */
        mode = SSL_SESS_CACHE_SERVER | (r[3] % 4 == 1 ? 0 : bits[r[2] % 6]);
    else
        for (i = 0; i < 6; i++)
            if (r[2] & 1 << i)
                mode |= bits[i];
    /* D9: nor where the handshake before would have cleared, of which the mode knew nothing. */
    if (c->never_clears || (SSL_CTX_sess_accept_good(c->ctx) & 0xff) == 0xff ||
        (SSL_CTX_sess_connect_good(c->ctx) & 0xff) == 0xff)
        mode |= SSL_SESS_CACHE_NO_AUTO_CLEAR;
    c->mode = mode;
    note("mode=%lx", SSL_CTX_set_session_cache_mode(c->ctx, mode));
    note("is %lx", SSL_CTX_get_session_cache_mode(c->ctx));
}

static void set_size(struct context *c, unsigned char b)
{
    static const long sizes[] = {0, 1, 2, 3, 4, 6, 9, 20480, 1L << 40};
    const long size = sizes[b % 9];

    /* libssl's eviction stops at a session without an ID, and the cache grows without limit. */
    if (world.without_ids)
        return;
    if (b == 255)
        note("negative=%ld", SSL_CTX_sess_set_cache_size(c->ctx, -1));
    SSL_CTX_sess_set_cache_size(c->ctx, size > 0 ? size + world.more : 0);
    note("is %d", SSL_CTX_sess_get_cache_size(c->ctx) == (size > 0 ? size + world.more : 0));
}

static void advance_clock(const unsigned char *r)
{
    long delta = deltas[r[1] % 12];

    if (world.lifetimes == BACKWARDS && r[2] % 4 == 0) /* D5 needs a clock that goes on */
        delta = -delta;
    advance(delta);
    note("clock %ld", delta);
}

static void has_matching(struct context *c, const unsigned char *r)
{
    unsigned char id[40] = {(unsigned char)('a' + r[2] % 6)};
    SSL_SESSION *sess = pick(r[3]);
    const unsigned char *data = id;
    unsigned len = r[4] % 34;
    SSL *ssl = SSL_new(c->ctx);

    if (r[4] % 2 && sess != NULL)
        data = SSL_SESSION_get_id(sess, &len);
    else if (r[4] % 4 == 0)
        len = 32;
    note("matching=%d", SSL_has_matching_session_id(ssl, data, len));
    SSL_free(ssl);
}

/* What libssl's own table has; a session that was never printed has the number 0. */
static void list_sessions(struct context *c)
{
    /* A session without an ID is not in libssl's own table, which could not drop it. */
    if (world.without_ids)
        return;
    c->mirrored = 1;
    lh_SSL_SESSION_doall(SSL_CTX_sessions(c->ctx), items_add);
    items_note();
    note("items=%lu", lh_SSL_SESSION_num_items(SSL_CTX_sessions(c->ctx)));
}

static void options(struct context *c, const unsigned char *r)
{
    switch (r[2] % 6) {
    case 0:
        SSL_CTX_set_options(c->ctx, SSL_OP_NO_TICKET);
        break;
    case 1:
        SSL_CTX_clear_options(c->ctx, SSL_OP_NO_TICKET);
        break;
    case 2:
        SSL_CTX_set_max_early_data(c->ctx, r[3] % 2 ? 16384 : 0);
        c->mirrored = 1;
        break;
    case 3:
        if (r[3] % 2)
            SSL_CTX_set_options(c->ctx, SSL_OP_NO_ANTI_REPLAY);
        else
            SSL_CTX_clear_options(c->ctx, SSL_OP_NO_ANTI_REPLAY);
        break;
    case 4:
        SSL_CTX_set_num_tickets(c->ctx, r[3] % 4);
        break;
    default:
        SSL_CTX_set_session_id_context(c->ctx, (const unsigned char *)"xy", r[3] % 3);
        if (r[1] % SLOTS < 2) /* a client would refuse the servers' certificate */
            SSL_CTX_set_verify(c->ctx, r[4] % 4 == 0 ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    }
    note("option %d", r[2] % 6);
}

static struct context *server_of(unsigned char b)
{
    static const int servers[] = {0, 0, 0, 0, 0, 0, 1, 3};

    return world.slots[servers[b % 8]];
}

static struct context *client_of(unsigned char b)
{
    return world.slots[b % 8 == 0 ? 3 : 2];
}

static void visit_server(const unsigned char *r)
{
    /* Each server and version has its slot, so that much is offered where it may resume. */
    static const unsigned slots[] = {0, 0, 0, 0, 0, 0, 2, 4};
    const unsigned slot = BY_HAND + slots[r[1] % 8] + (r[3] / 4 & 1);
    SSL_SESSION *resume = r[3] % 4 ? world.objects[slot] : NULL;
    struct connection k;

    if (resume == NULL && r[3] % 4 == 3)
        resume = pick(r[2]);
    open_connection(&k, server_of(r[1]), client_of(r[1] / 8), r[3] / 4, resume);
    if (resume != NULL)
        note("offers %s", label(resume));
    shake_hands(&k, r[3] / 32 % 4 == 0);
    describe(&k);
    if (k.good && r[4] % 4)
        put_object((int)slot, SSL_get1_session(k.ends.client));
    if (k.good && r[4] % 8 == 7)
        put_object(r[2] % BY_HAND, SSL_get1_session(k.ends.server));
    close_connection(&k, r[5] % 8 ? 1 : r[5] / 8);
}

static void on_connection(struct connection *k, const unsigned char *r)
{
    if (k->server == NULL) {
        open_connection(k, server_of(r[2]), client_of(r[2] / 8), r[3],
                        r[4] % 2 ? world.objects[BY_HAND + (r[4] / 2 % 3 * 2 + (r[3] & 1))] : NULL);
        return;
    }
    if (!k->tried) {
        if (r[2] % 8 == 0)
            close_connection(k, r[3]);
        else if (r[2] % 8 == 1)
            set_generate(k->server, k->ends.server, r[3] % 7);
        else {
            shake_hands(k, r[3] % 4 == 0);
            describe(k);
        }
        return;
    }
    switch (r[2] % 6) {
    case 0:
        if (k->good && SSL_version(k->ends.server) == TLS1_2_VERSION) {
            note("renegotiate=%d", r[3] % 2 ? SSL_renegotiate(k->ends.server)
                                            : SSL_renegotiate_abbreviated(k->ends.server));
            SSL_do_handshake(k->ends.server);
            exchange(&k->ends);
            exchange(&k->ends);
        }
        break;
    case 1:
        if (k->good && SSL_version(k->ends.server) == TLS1_3_VERSION) {
            note("ticket=%d", SSL_new_session_ticket(k->ends.server));
            exchange(&k->ends);
        }
        break;
    case 2:
        exchange(&k->ends);
        break;
    default:
        close_connection(k, r[3]);
    }
}

/* The calls, as often as they are to be drawn. */
enum what {
    MAKE,
    COPY,
    DROP,
    ADD,
    REMOVE,
    FLUSH,
    LIFETIME,
    MODE,
    SIZE,
    CALLBACKS,
    TIMEOUT,
    CLOCK,
    RENEW,
    MATCHING,
    GENERATE,
    SESSIONS,
    OPTIONS,
    SNI,
    BURST,
    KEEP,
    CONNECTION,
    VISIT,
};
static const struct {
    enum what what;
    const char *name;
} calls[CALLS] = {
    {MAKE, "make"},
    {MAKE, "make"},
    {MAKE, "make"},
    {COPY, "copy"},
    {COPY, "copy"},
    {DROP, "drop"},
    {ADD, "add"},
    {ADD, "add"},
    {ADD, "add"},
    {ADD, "add"},
    {ADD, "add"},
    {REMOVE, "remove"},
    {REMOVE, "remove"},
    {FLUSH, "flush"},
    {LIFETIME, "lifetime"},
    {LIFETIME, "lifetime"},
    {MODE, "mode"},
    {MODE, "mode"},
    {SIZE, "size"},
    {CALLBACKS, "callbacks"},
    {CALLBACKS, "callbacks"},
    {CALLBACKS, "callbacks"},
    {TIMEOUT, "timeout"},
    {CLOCK, "clock"},
    {CLOCK, "clock"},
    {RENEW, "renew"},
    {MATCHING, "matching"},
    {GENERATE, "generate"},
    {SESSIONS, "sessions"},
    {OPTIONS, "options"},
    {SNI, "sni"},
    {BURST, "burst"},
    {KEEP, "keep"},
    {CONNECTION, "connection"},
    {CONNECTION, "connection"},
    {VISIT, "visit"},
    {VISIT, "visit"},
    {VISIT, "visit"},
    {VISIT, "visit"},
    {VISIT, "visit"},
};

const char *call_name(const unsigned char *r)
{
    return calls[r[0] % CALLS].name;
}

void call(const unsigned char *r)
{
    struct context *c = world.slots[r[1] % SLOTS];
    SSL_SESSION *sess = pick(r[2]);

    switch (calls[r[0] % CALLS].what) {
    case MAKE:
        make_object(r);
        break;
    case COPY:
        copy_object(r);
        break;
    case DROP:
        put_object(r[1] % OBJECTS, NULL);
        break;
    case ADD:
        add(c, sess);
        break;
    case REMOVE:
        remove_object(c, sess);
        break;
    case FLUSH:
        flush(c, r[2]);
        break;
    case LIFETIME:
        lifetime(sess, r);
        break;
    case MODE:
        set_mode(c, r);
        break;
    case SIZE:
        set_size(c, r[2]);
        break;
    case CALLBACKS:
        c->new_answer = r[3] % 3;
        c->get_answer = r[3] / 4 % 4;
        c->reentry = r[4] % 4 == 0 ? 7 : 0;
        set_callbacks(c, r[2]);
        break;
    case TIMEOUT:
        note("timeout=%d", SSL_CTX_set_timeout(c->ctx, timeout_of(r[2])) != 0);
        note("is %ld", SSL_CTX_get_timeout(c->ctx));
        break;
    case CLOCK:
        advance_clock(r);
        break;
    case RENEW:
        if (r[2] % 8 == 0)
            renew(r[1] % SLOTS);
        break;
    case MATCHING:
        has_matching(c, r);
        break;
    case GENERATE:
        set_generate(c, NULL, r[2] % 3 ? 0 : r[3] % 7);
        break;
    case SESSIONS:
        if (r[2] % 4 == 0)
            list_sessions(c);
        break;
    case OPTIONS:
        options(c, r);
        break;
    case SNI:
        server_of(r[1])->sni = server_of(r[2]);
        break;
    case BURST:
        if (!world.by_hand && r[2] % 32 == 0)
            burst(server_of(r[1]), client_of(r[1] / 8), r[3], r[4] % 2 ? sess : NULL, 90);
        break;
    case KEEP:
        keep_object(r);
        break;
    case CONNECTION:
        if (!world.by_hand)
            on_connection(&world.connections[r[1] % CONNECTIONS], r);
        break;
    case VISIT:
        if (!world.by_hand)
            visit_server(r);
    }
}
