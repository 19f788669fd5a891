#include "trampoline.h"

#include <sys/random.h>

#include "autoclear.h"
#include "cache.h"
#include "callback.h"
#include "config.h"
#include "connection.h"
#include "process.h"
#include "reserve.h"
#include "runtime.h"
#include "share.h"
#include "slot.h"

/* What of a connection decides whether its sessions are cached. */
struct side {
    bool server;
    bool tls13;
    bool early_data; /* accepts early data and must detect replays */
    bool stateful;   /* TLS 1.3 server whose tickets name a session in the cache */
};

static struct side side_of(const SSL *ssl)
{
    const struct ssc_libssl *real = ssc_libssl();
    struct side side = {
        .server = real->SSL_is_server(ssl),
        .tls13 = real->SSL_version(ssl) == SSC_TLS1_3_VERSION,
    };

    if (side.server && side.tls13) {
        const uint64_t options = real->SSL_get_options(ssl);
        side.early_data =
            real->SSL_get_max_early_data(ssl) > 0 && (options & SSC_OP_NO_ANTI_REPLAY) == 0;
        side.stateful = side.early_data || (options & SSC_OP_NO_TICKET) != 0;
    }
    return side;
}

/* The rule of ssl_update_cache for the internal cache. */
static bool engine_stores(struct ssc_ctx *rec, const struct side *side, long mode)
{
    const long bit = side->server ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_CLIENT;

    /* A stateless ticket carries its session: there is nothing to look up. */
    const bool useful = !side->tls13 || !side->server || side->stateful;
    if ((mode & bit) != 0 && (mode & SSL_SESS_CACHE_NO_INTERNAL_STORE) == 0)
        /* An application that wants to hear of removals is to hear of these too. */
        return useful || atomic_load(&rec->remove_cb) != NULL;
    return ssc_config()->takeover && side->server && useful;
}

/* What early data came with is to be used once, which hosts cannot agree on in time. */
static uint32_t within_host(uint32_t caches, const struct side *side)
{
    return side->early_data ? caches & ~(uint32_t)SSCORE_STORE : caches;
}

static uint32_t shared_by(struct ssc_ctx *rec, const struct side *side)
{
    return within_host(ssc_share_stores(rec), side);
}

/* Written once: the record is read by all threads. */
static void served(struct ssc_ctx *rec)
{
    if (ssc_unlikely(!atomic_load_explicit(&rec->served, memory_order_relaxed)))
        atomic_store_explicit(&rec->served, true, memory_order_relaxed);
}

/* Whether what was added to the table stays without another leaving for it. */
static bool grows(struct ssc_ctx *rec)
{
    /* Where the core does not start, what was added is in libssl's own cache. */
    if (!atomic_load(&rec->attached) || ssc_ctx_core(rec) == 0)
        return false;
    const struct ssc_index *index = ssc_ctx_table(rec)->index;
    const uint64_t capacity = atomic_load_explicit(&index->capacity, memory_order_relaxed);
    return capacity == 0 || atomic_load_explicit(&index->used, memory_order_relaxed) < capacity;
}

int ssc_trampoline_new(SSL *ssl, SSL_SESSION *sess)
{
    SSL_CTX *ctx = ssc_connection_owner(ssl);
    struct ssc_ctx *rec = ssc_ctx_record(ctx);

    if (rec == NULL)
        return 0;
    const long mode = atomic_load_explicit(&rec->mode, memory_order_relaxed);
    const struct side side = side_of(ssl);
    const long bit = side.server ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_CLIENT;
    const bool store = engine_stores(rec, &side, mode);
    bool stored = false;
    int keep = 0;

    if (ssc_unlikely(ssc_ctx_of(ctx) == NULL)) {
        /* Detached just now: libssl has already passed its own cache by. */
        if (store)
            ssc_libssl()->SSL_CTX_add_session(ctx, sess);
        return (mode & bit) != 0 ? ssc_callback_new(rec, ssl, sess) : 0;
    }
    if (side.server)
        served(rec);
    if (side.early_data)
        ssc_cache_mirror(rec);
    const bool asks = (mode & bit) != 0 && atomic_load(&rec->new_cb) != NULL;
    /* The manual: a session that the callback does not want leaves the internal
     * cache at once. In takeover mode the cache is ours. */
    const bool decides = asks && !ssc_config()->takeover;
    const uint32_t caches = store && side.server ? shared_by(rec, &side) : 0;
    if (store)
        stored = ssc_cache_add(rec, ssl, sess, decides ? 0 : caches) == 1;
    if (asks)
        keep = ssc_callback_new(rec, ssl, sess);
    if (decides && stored && atomic_load(&rec->attached)) {
        if (!keep)
            ssc_cache_withdraw(rec, sess);
        else if (caches != 0)
            ssc_cache_share(rec, ssl, sess, caches);
    }
    if (stored && (keep || !decides))
        ssc_reserve_place(sess, grows(rec));
    if (atomic_load(&rec->attached))
        ssc_autoclear(rec, side.server, 1);
    return keep;
}

void ssc_trampoline_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    struct ssc_ctx *rec = ssc_ctx_record(ctx);

    if (rec == NULL)
        return;
    if (ssc_unlikely(ssc_ctx_of(ctx) == NULL)) {
        ssc_libssl()->SSL_CTX_remove_session(ctx, sess);
        return;
    }
    ssc_cache_removed(rec, sess);
}

/* Marked as not resumable. A session without an ID counts as such in libssl's answer, not in its deeds. */
static bool marked(const SSL_SESSION *sess)
{
    unsigned int len = 0;

    ssc_libssl()->SSL_SESSION_get_id(sess, &len);
    return len > 0 && !ssc_libssl()->SSL_SESSION_is_resumable(sess);
}

SSL_SESSION *ssc_trampoline_get(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    const struct ssc_libssl *real = ssc_libssl();
    SSL_CTX *ctx = ssc_connection_owner(ssl);
    struct ssc_ctx *rec = ssc_ctx_record(ctx);
    SSL_SESSION *sess;

    if (rec == NULL || len < 0)
        return NULL;
    const long mode = atomic_load_explicit(&rec->mode, memory_order_relaxed);
    const bool internal = (mode & SSL_SESS_CACHE_NO_INTERNAL_LOOKUP) == 0 || ssc_config()->takeover;

    ssc_fork_check();
    if (ssc_unlikely(ssc_runtime_unavailable() || !atomic_load(&rec->attached))) {
        /* libssl has passed its own cache by; what the parent had is still in the slots. */
        sess = internal ? ssc_slot_find1(ssc_ctx_table(rec)->number, id, (size_t)len,
                                         real->SSL_version(ssl))
                        : NULL;
        ssc_ctx_detach(rec);
        if (sess != NULL) {
            *copy = 0;
            return sess;
        }
        return ssc_callback_get(rec, ssl, id, len, copy);
    }
    const struct side side = side_of(ssl);
    atomic_store_explicit(&rec->served, true, memory_order_relaxed);
    if (side.early_data)
        ssc_cache_mirror(rec);
    if (internal) {
        uint32_t caches = within_host(ssc_share_lookups(rec), &side);
        if (side.early_data && caches != 0)
            caches |= SSCORE_TAKE;
        sess = ssc_cache_lookup(rec, ssl, id, (size_t)len, caches);
        /* libssl ignores a session that is marked. 1.1.1 fails the handshake by
         * it, but for TLS 1.3, where it marks good ones. */
        if (sess != NULL && ((!side.tls13 && marked(sess)) || ssc_share_unfit(ssl, sess))) {
            real->SSL_SESSION_free(sess);
            return NULL;
        }
        if (sess != NULL) {
            *copy = 0;
            return sess;
        }
        atomic_fetch_add_explicit(&rec->misses, 1, memory_order_relaxed);
    }
    sess = ssc_callback_get(rec, ssl, id, len, copy);
    if (sess == NULL)
        return NULL;
    if (marked(sess)) {
        if (side.tls13)
            return sess;
        if (*copy == 0)
            real->SSL_SESSION_free(sess);
        return NULL;
    }
    atomic_fetch_add_explicit(&rec->cb_hits, 1, memory_order_relaxed);
    ssc_count(app_hits, 1);
    if (*copy) {
        real->SSL_SESSION_up_ref(sess);
        *copy = 0;
    }
    if ((atomic_load(&rec->mode) & SSL_SESS_CACHE_NO_INTERNAL_STORE) == 0 || ssc_config()->takeover)
        ssc_cache_add(rec, ssl, sess, shared_by(rec, &side));
    return sess;
}

int ssc_trampoline_generate(SSL *ssl, unsigned char *id, unsigned int *len)
{
    struct ssc_ctx *rec = ssc_ctx_record(ssc_connection_owner(ssl));
    GEN_SESSION_CB cb = ssc_connection_generate_cb(ssl);
    const unsigned int room = *len;

    if (cb == NULL && rec != NULL)
        cb = atomic_load(&rec->generate_cb);
    if (cb == NULL) /* unset by another thread at this moment */
        return getrandom(id, room, 0) == (ssize_t)room;
    if (!cb(ssl, id, len))
        return 0;
    /* libssl asks for conflicts itself; where it asks its own table, ours has to be asked here. */
    if (ssc_libssl_calls_us() || *len == 0 || *len > room)
        return 1;
    return !SSL_has_matching_session_id(ssl, id, *len);
}

void ssc_trampoline_ended(const SSL *ssl, SSL_CTX *ctx)
{
    struct ssc_ctx *rec = ssc_ctx_record(ctx);

    if (rec == NULL || ssc_ctx_of(ctx) == NULL || ssc_ctx_core(rec) == 0)
        return;
    ssc_autoclear(rec, ssc_libssl()->SSL_is_server(ssl), 0);
}
