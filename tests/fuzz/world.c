/* world.c: contexts, session objects and callbacks of a fuzz input. */
#include "world.h"

#include <limits.h>
#include <stdint.h>

struct world world;

static unsigned long long seed;
static int ctx_index, ssl_index, home_index, label_index;
static int labelled;
static long alive_before;
static unsigned made_ids;
static char counters[MADE_MAX][256];

unsigned draw(unsigned below)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(seed >> 33) % below;
}

/* A copy of a session is another object: it inherits neither label nor home. */
static int not_copied(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **data, int idx,
                      long argl, void *argp)
{
    (void)to, (void)from, (void)idx, (void)argl, (void)argp;
    *data = NULL;
    return 1;
}

static void context_freed(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
                          void *argp)
{
    struct context *c = ptr;

    (void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
    if (c != NULL)
        c->alive = 0;
}

int label_number(const SSL_SESSION *sess)
{
    return (int)(intptr_t)SSL_SESSION_get_ex_data(sess, label_index);
}

const char *label(SSL_SESSION *sess)
{
    static char text[4][64];
    static int next;
    char *out = text[next++ % 4];

    if (label_number(sess) == 0)
        SSL_SESSION_set_ex_data(sess, label_index, (void *)(intptr_t)++labelled);
    snprintf(out, sizeof(text[0]), "%s#%d%s", session_name(sess), label_number(sess),
             SSL_SESSION_is_resumable(sess) ? "" : "x");
    return out;
}

int usable(SSL_SESSION *sess, const struct context *c)
{
    const intptr_t home = (intptr_t)SSL_SESSION_get_ex_data(sess, home_index);

    return home == 0 || home == c->number + 1 || !world.made[home - 1].alive;
}

void settle(SSL_SESSION *sess, const struct context *c)
{
    SSL_SESSION_set_ex_data(sess, home_index, (void *)(intptr_t)(c->number + 1));
}

/*
 * D5: libssl orders sessions that never expire by a number without meaning. It
 * is their time where their timeout is the largest possible: with their time
 * at the present, and a clock that never goes back, the order is that in which
 * they were placed.
 */
void before_placing(SSL_SESSION *sess)
{
    if (SSL_SESSION_get_timeout(sess) == LONG_MAX)
        SSL_SESSION_set_time(sess, (long)time(NULL));
}

void put_object(int slot, SSL_SESSION *sess)
{
    SSL_SESSION_free(world.objects[slot]);
    world.objects[slot] = sess;
}

static void keep(SSL_SESSION *sess)
{
    SSL_SESSION **place = &world.kept[world.kept_next++ % KEPT];

    SSL_SESSION_free(*place);
    *place = sess;
}

struct context *owner_of(const SSL *ssl)
{
    return SSL_get_ex_data(ssl, ssl_index);
}

void own(SSL *ssl, struct context *c)
{
    SSL_set_ex_data(ssl, ssl_index, c);
}

/* What a callback calls besides; libssl holds no lock below new and get callbacks. */
static void reenter(struct context *c, SSL_SESSION *sess)
{
    switch (c->reentry != 0 ? draw(c->reentry) : 0) {
    case 1:
        note("number=%ld", SSL_CTX_sess_number(c->ctx));
        break;
    case 2:
        if (sess != NULL && world.lifetimes != NEVER_EXPIRING)
            note("timeout=%ld", SSL_SESSION_set_timeout(sess, 40));
        break;
    case 3:
        note("flush");
        SSL_CTX_flush_sessions(c->ctx, (long)time(NULL));
        break;
    case 4:
        if (sess != NULL)
            note("add=%d", SSL_CTX_add_session(c->ctx, sess));
        break;
    case 5:
        if (sess != NULL)
            note("remove=%d", SSL_CTX_remove_session(c->ctx, sess));
        break;
    case 6:
        note("flush all");
        SSL_CTX_flush_sessions(c->ctx, 0);
        break;
    default:
        break;
    }
}

static int on_new(SSL *ssl, SSL_SESSION *sess)
{
    struct context *c = owner_of(ssl);
    int answer = c->new_answer < 2 ? (int)c->new_answer : (int)draw(2);

    settle(sess, c);
    note("new(%d,%s)", c->number, label(sess));
    /* D2: the answer 0 takes out of the cache what the engine has put there. */
    if ((c->mode & SSL_SESS_CACHE_NO_INTERNAL_STORE) == 0)
        answer = 1;
    reenter(c, sess);
    if (answer)
        keep(sess);
    return answer;
}

/*
 * At the end of a context whose sessions are mirrored in libssl's own table,
 * a libssl that binds its inner calls to itself drops them in the order of that
 * table, in which equals are not ordered by age. They are reported by number.
 */
static int items[1 << 14];
static int items_len;

void items_add(SSL_SESSION *sess)
{
    if (items_len < (int)(sizeof(items) / sizeof(items[0])))
        items[items_len++] = label_number(sess);
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

void items_note(void)
{
    int i;

    qsort(items, (size_t)items_len, sizeof(items[0]), by_number);
    for (i = 0; i < items_len; i++)
        note("#%d", items[i]);
    items_len = 0;
}

static void on_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    struct context *c = SSL_CTX_get_ex_data(ctx, ctx_index);

    /* D3: no call of the cache here, which waits for itself on stock libssl. */
    if (c != NULL && c->mirrored && c->ending) {
        items_add(sess);
        return;
    }
    note("remove(%d,%s)", c != NULL ? c->number : -1, label(sess));
}

static SSL_SESSION *find(const struct context *c, const unsigned char *id, unsigned len)
{
    unsigned have;
    int i;

    for (i = 0; i < KEPT + OBJECTS; i++) {
        SSL_SESSION *sess = i < KEPT ? world.kept[i] : world.objects[i - KEPT];
        const unsigned char *data = sess != NULL ? SSL_SESSION_get_id(sess, &have) : NULL;
        if (data != NULL && have == len && memcmp(data, id, len) == 0 && usable(sess, c))
            return sess;
    }
    return NULL;
}

static SSL_SESSION *on_get(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    struct context *c = owner_of(ssl);
    SSL_SESSION *sess = NULL;
    unsigned have;

    note("get(%d,%s,copy=%d)", c->number, id_name(id, (unsigned)len), *copy);
    reenter(c, NULL);
    if (c->get_answer == 1 || c->get_answer == 2)
        sess = find(c, id, (unsigned)len);
    else if (c->get_answer == 3)
        sess = world.objects[draw(OBJECTS)];
    if (sess == NULL || !usable(sess, c))
        return NULL;
    SSL_SESSION_get_id(sess, &have);
    if (have == 0) /* libssl counts it as found and stores it, the library does not */
        return NULL;
    before_placing(sess);
    settle(sess, c);
    switch (draw(4)) {
    case 0:
        *copy = 0;
        SSL_SESSION_up_ref(sess);
        break;
    case 1:
        *copy = 1;
        break;
    case 2:
        *copy = 7;
        break;
    default:
        break;
    }
    note("got(%s,copy=%d)", label(sess), *copy);
    return sess;
}

void set_callbacks(struct context *c, unsigned bits)
{
    SSL_CTX_sess_set_new_cb(c->ctx, bits & 1 ? on_new : NULL);
    SSL_CTX_sess_set_remove_cb(c->ctx, bits & 2 ? on_remove : NULL);
    SSL_CTX_sess_set_get_cb(c->ctx, bits & 4 ? on_get : NULL);
    note("are %d%d%d", SSL_CTX_sess_get_new_cb(c->ctx) == (bits & 1 ? on_new : NULL),
         SSL_CTX_sess_get_remove_cb(c->ctx) == (bits & 2 ? on_remove : NULL),
         SSL_CTX_sess_get_get_cb(c->ctx) == (bits & 4 ? on_get : NULL));
}

static int on_generate(SSL *ssl, unsigned char *id, unsigned *len)
{
    const struct context *c = owner_of(ssl);

    note("generate(%d,%u)", c->number, *len);
    switch (c->generate) {
    case 1: /* soon a conflict */
        memset(id, 'g', *len);
        id[0] = (unsigned char)draw(3);
        return 1;
    case 2: /* shorter, and never a conflict: libssl has shortened the session by the time it
             * finds one, and not yet when the callback, in which the library looks, fails */
        *len = 16;
        id[0] = (unsigned char)(made_ids & 0xff);
        id[1] = (unsigned char)(made_ids++ >> 8);
        id[2] = 's';
        return 1;
    case 3:
        return 0;
    case 4: /* one of a session made by hand */
        memset(id, 0, *len);
        id[0] = (unsigned char)('a' + draw(4));
        return 1;
    case 5:
        *len = 0;
        return 1;
    default:
        memset(id, 'h', *len);
        id[0] = (unsigned char)draw(256);
        id[1] = (unsigned char)draw(256);
        return 1;
    }
}

void set_generate(struct context *c, SSL *ssl, unsigned kind)
{
    const GEN_SESSION_CB cb = kind != 0 ? on_generate : NULL;

    c->generate = kind;
    note("set=%d", ssl != NULL ? SSL_set_generate_session_id(ssl, cb)
                               : SSL_CTX_set_generate_session_id(c->ctx, cb));
}

static int on_servername(SSL *ssl, int *alert, void *arg)
{
    const struct context *c = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    if (name != NULL && c->sni != NULL && c->sni->alive) {
        note("sni(%d)", c->sni->number);
        SSL_set_SSL_CTX(ssl, c->sni->ctx);
    }
    return SSL_TLSEXT_ERR_OK;
}

void renew(int slot)
{
    static const SSL_METHOD *(*const methods[SLOTS])(void) = {TLS_server_method, TLS_server_method,
                                                              TLS_client_method, TLS_method};
    struct context *c = &world.made[world.made_len];
    int i;

    if (world.made_len == MADE_MAX)
        return;
    if (world.slots[slot] != NULL) {
        struct context *old = world.slots[slot];
        for (i = 0; i < world.made_len; i++)
            if (world.made[i].sni == old)
                world.made[i].sni = NULL;
        old->ending = 1;
        SSL_CTX_free(old->ctx);
    }
    memset(c, 0, sizeof(*c));
    c->number = world.made_len++;
    c->ctx = SSL_CTX_new(methods[slot]());
    REQUIRE(c->ctx != NULL && SSL_CTX_set_ex_data(c->ctx, ctx_index, c));
    c->alive = 1;
    c->mode = SSL_SESS_CACHE_SERVER;
    c->new_answer = 1;
    REQUIRE(SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION));
    if (slot != 2) {
        use_certificate(c->ctx);
        SSL_CTX_set_options(c->ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_tlsext_servername_callback(c->ctx, on_servername);
        SSL_CTX_set_tlsext_servername_arg(c->ctx, c);
    }
    world.slots[slot] = c;
}

/*
 * D1: libssl from 3.0 on holds one session less than the size says. The sizes
 * that the input sets are those that hold as many.
 */
static long one_more(void)
{
    SSL_CTX *ctx = plain_context();
    long more;
    int i;

    SSL_CTX_sess_set_cache_size(ctx, 3);
    for (i = 0; i < 3; i++) {
        char name[2] = {(char)('x' + i), 0};
        SSL_SESSION *sess = make_session(name, TLS1_3_VERSION);
        SSL_CTX_add_session(ctx, sess);
        SSL_SESSION_free(sess);
    }
    more = 3 - SSL_CTX_sess_number(ctx);
    SSL_CTX_free(ctx);
    return more;
}

void world_init(void)
{
    ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, context_freed);
    ssl_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    home_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, not_copied, NULL);
    label_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, not_copied, NULL);
    world.more = one_more();
}

void world_begin(const unsigned char *header)
{
    int i;

    world.lifetimes = header[0] % 3;
    world.by_hand = header[0] / 3 % 4 == 0;
    world.without_ids = header[4] % 8 == 1;
    seed = header[1] | (unsigned)header[2] << 8;
    labelled = items_len = 0;
    made_ids = 0;
    alive_before = sessions_alive();
    world.made_len = 0;
    world.kept_next = 0;
    memset(counters, 0, sizeof(counters));
    forget_names();
    set_clock(EPOCH);
    for (i = 0; i < SLOTS; i++) {
        renew(i);
        world.slots[i]->new_answer = 2;
        world.slots[i]->get_answer = 1;
        set_callbacks(world.slots[i], header[5] % 8);
        if (header[4] / 8 % 4 == 0) {
            SSL_CTX_set_max_early_data(world.slots[i]->ctx, 16384);
            world.slots[i]->mirrored = 1;
        }
    }
    report();
}

static void free_objects(void)
{
    int i;

    for (i = 0; i < OBJECTS; i++)
        put_object(i, NULL);
    for (i = 0; i < KEPT; i++) {
        SSL_SESSION_free(world.kept[i]);
        world.kept[i] = NULL;
    }
}

void world_end(int objects_first)
{
    int i;

    for (i = 0; i < CONNECTIONS; i++)
        close_connection(&world.connections[i], 1);
    report();
    if (objects_first)
        free_objects();
    for (i = 0; i < SLOTS; i++) {
        world.slots[i]->ending = 1;
        SSL_CTX_free(world.slots[i]->ctx);
        world.slots[i] = NULL;
        items_note();
        print_log();
    }
    free_objects();
    ERR_clear_error();
    printf("alive %ld\n", sessions_alive() - alive_before);
}

static void print_counters_that_changed(struct context *c)
{
    char now[256];
    SSL_CTX *x = c->ctx;

    snprintf(now, sizeof(now), "%ld c%ld,%ld,%ld a%ld,%ld,%ld h%ld cb%ld m%ld t%ld f%ld",
             SSL_CTX_sess_number(x), SSL_CTX_sess_connect(x), SSL_CTX_sess_connect_good(x),
             SSL_CTX_sess_connect_renegotiate(x), SSL_CTX_sess_accept(x),
             SSL_CTX_sess_accept_good(x), SSL_CTX_sess_accept_renegotiate(x), SSL_CTX_sess_hits(x),
             SSL_CTX_sess_cb_hits(x), SSL_CTX_sess_misses(x), SSL_CTX_sess_timeouts(x),
             SSL_CTX_sess_cache_full(x));
    if (strcmp(now, counters[c->number]) != 0) {
        strcpy(counters[c->number], now);
        printf("  counters of %d: %s\n", c->number, now);
    }
}

void report(void)
{
    unsigned long err;
    int i;

    items_note();
    print_log();
    while ((err = ERR_get_error()) != 0) {
        /* A conflict of IDs that the library finds is a failed callback to libssl. */
        if (ERR_GET_REASON(err) == SSL_R_SSL_SESSION_ID_CONFLICT)
            err = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_SSL_SESSION_ID_CALLBACK_FAILED);
        printf("  error %s\n", ERR_reason_error_string(err));
    }
    for (i = 0; i < SLOTS; i++)
        print_counters_that_changed(world.slots[i]);
    printf("  alive %ld\n", sessions_alive() - alive_before);
}
