#include "cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "callback.h"
#include "config.h"
#include "process.h"
#include "runtime.h"
#include "share.h"
#include "slot.h"

#define WALK_BATCH 64
#define LOOKUP_TRIES 8
/* Room for the DER of most sessions, and for that of all with SSCORE_TAKE. */
#define DER_ROOM 4096
#define DER_ROOM_TAKE (32 * 1024)

/*
 * A call of libssl's SSL_CTX_remove_session under way in this thread, so that
 * its callback, our trampoline, knows what it was made for.
 */
struct removal {
    SSL_CTX *ctx;
    SSL_SESSION *sess; /* NULL: any */
    bool mark_only;    /* the session is dropped by us; libssl just marks it */
    bool asked;        /* by the application */
    bool found;
};
static __thread struct removal *removal;
static __thread bool in_libssl_add;

bool ssc_cache_in_libssl(void)
{
    return in_libssl_add;
}

/* False if there is no such key: the ID is longer than any, or the version is none of TLS. */
static bool make_key(sscore_key *key, const unsigned char *id, size_t len, int version)
{
    if (len > sizeof key->id || (id == NULL && len > 0) || version != (uint16_t)version)
        return false;
    if (ssc_likely(len == sizeof key->id)) {
        memcpy(key->id, id, sizeof key->id);
    } else {
        memset(key->id, 0, sizeof key->id);
        if (len > 0)
            memcpy(key->id, id, len);
    }
    key->version = (uint16_t)version;
    key->id_len = (uint8_t)len;
    key->zero = 0;
    return true;
}

static bool key_of(const SSL_SESSION *sess, sscore_key *key)
{
    const struct ssc_libssl *real = ssc_libssl();
    unsigned int len = 0;
    const unsigned char *id = real->SSL_SESSION_get_id(sess, &len);

    return make_key(key, id, len, real->SSL_SESSION_get_protocol_version(sess));
}

/* From 3.3 on libssl counts nanoseconds in 64 bits; so many seconds are beyond them. */
#define NANOSECOND_RANGE ((int64_t)(UINT64_MAX / 1000000000u))

/*
 * The last second of the session's life. A sum beyond the range of libssl's
 * clock never comes; nor, from 3.0 on, does that of a session from before 1970.
 */
static int64_t expiry_of(const SSL_SESSION *sess)
{
    const struct ssc_libssl *real = ssc_libssl();
    const int64_t time = real->SSL_SESSION_get_time(sess);
    const int64_t timeout = real->SSL_SESSION_get_timeout(sess);
    int64_t expiry;

    if (time < 0 || __builtin_add_overflow(time, timeout > 0 ? timeout : 0, &expiry))
        return SSCORE_NEVER;
    if (real->SSL_SESSION_set_time_ex != NULL && expiry >= NANOSECOND_RANGE)
        return SSCORE_NEVER;
    return expiry;
}

/* libssl alone can mark a session as not resumable, and only its remove function does. */
static void mark_not_resumable(struct ssc_ctx *rec, SSL_SESSION *sess)
{
    struct removal frame = {.ctx = rec->ctx, .sess = sess, .mark_only = true};
    struct removal *outer = removal;

    removal = &frame;
    ssc_libssl()->SSL_CTX_remove_session(rec->ctx, sess);
    removal = outer;
}

/* Ends a session that the core displaced: mark, callback, reference. */
static void drop(struct ssc_ctx *rec, sscore_ref ref)
{
    SSL_SESSION *sess = ssc_slot_close(ref);

    if (sess == NULL)
        return;
    /* What only takeover kept, the application never had in the cache. It is
     * not told of our housekeeping, and the object is not marked, or its own
     * store would lose the session by it. */
    const bool ours_alone = ssc_ctx_kept_by_takeover(rec);
    if (!ours_alone || atomic_load(&rec->mirrored))
        mark_not_resumable(rec, sess);
    if (!ours_alone)
        ssc_callback_remove(rec, sess);
    ssc_slot_release(ref);
}

static void drop_evicted(struct ssc_ctx *rec, sscore_table table, sscore_displaced *displaced)
{
    for (;;) {
        const uint32_t more = displaced->more;
        atomic_fetch_add(&rec->cache_full, (long)displaced->evicted_len);
        for (uint32_t i = 0; i < displaced->evicted_len; i++)
            drop(rec, displaced->evicted[i]);
        if (!more)
            return;
        sscore_evict(table, displaced);
    }
}

static void mirror_add(struct ssc_ctx *rec, SSL_SESSION *sess)
{
    const bool outer = in_libssl_add;
    sscore_key key;

    /* libssl adds a session without an ID, but never removes it. */
    if (!key_of(sess, &key) || key.id_len == 0)
        return;
    in_libssl_add = true;
    ssc_libssl()->SSL_CTX_add_session(rec->ctx, sess);
    in_libssl_add = outer;
    /* Another thread may have taken it out of the core in between. */
    if (!sscore_contains(ssc_ctx_core(rec), &key, 0, 0))
        mark_not_resumable(rec, sess);
}

/* Stores the session, and shares it as the record says. */
static int add(struct ssc_ctx *rec, sscore_table table, SSL_SESSION *sess, sscore_record *record)
{
    const struct ssc_libssl *real = ssc_libssl();
    sscore_displaced displaced;
    sscore_key key;

    if (!key_of(sess, &key))
        return 0;
    real->SSL_SESSION_up_ref(sess);
    const sscore_ref ref = ssc_slot_new(sess, ssc_ctx_table(rec)->number);
    if (ref == 0) {
        real->SSL_SESSION_free(sess);
        return 0;
    }
    ssc_index_prefetch(ssc_ctx_table(rec)->index, &key, false);
    switch (sscore_add(table, &key, ref, (uint64_t)(uintptr_t)sess, (int64_t)time(NULL),
                       expiry_of(sess), record, &displaced)) {
    case SSCORE_REPLACED:
        /* Both are the same session, says the manual: no mark, no callback. */
        if (ssc_slot_close(displaced.replaced) != NULL)
            ssc_slot_release(displaced.replaced);
        /* fall through */
    case SSCORE_ADDED:
        if (ssc_unlikely(atomic_load_explicit(&rec->mirrored, memory_order_relaxed)))
            mirror_add(rec, sess);
        drop_evicted(rec, table, &displaced);
        return 1;
    default: /* SSCORE_SAME, or SSCORE_FAILED */
        ssc_slot_close(ref);
        ssc_slot_release(ref);
        return 0;
    }
}

int ssc_cache_add(struct ssc_ctx *rec, const SSL *ssl, SSL_SESSION *sess, uint32_t caches)
{
    const struct ssc_libssl *real = ssc_libssl();
    const int saved_errno = errno;
    sscore_record record;
    int stored = 0;

    if (!ssc_runtime_start()) {
        ssc_ctx_detach(rec);
        return real->SSL_CTX_add_session(rec->ctx, sess);
    }
    sscore_table table = ssc_share_core(rec, &caches);
    if (table == 0)
        table = ssc_table_core(ssc_ctx_table(rec), ssc_ctx_capacity(rec));
    if (table != 0) {
        if ((atomic_load_explicit(&rec->mode, memory_order_relaxed) & SSL_SESS_CACHE_UPDATE_TIME) !=
            0)
            ssc_libssl_set_time(real, sess, time(NULL));
        const bool shared = ssc_share_encode(ssl, sess, caches, &record);
        stored = add(rec, table, sess, shared ? &record : NULL);
        ssc_share_wipe(&record);
    }
    errno = saved_errno;
    return stored;
}

void ssc_cache_share(struct ssc_ctx *rec, const SSL *ssl, SSL_SESSION *sess, uint32_t caches)
{
    const int saved_errno = errno;
    const sscore_table table = ssc_share_core(rec, &caches);
    sscore_record record;
    sscore_key key;

    if (caches != 0 && key_of(sess, &key) && ssc_share_encode(ssl, sess, caches, &record)) {
        sscore_share(table, &key, (int64_t)time(NULL), expiry_of(sess), &record);
        ssc_share_wipe(&record);
    }
    errno = saved_errno;
}

/* Makes a session of what another process shared, and stores it here too. */
static SSL_SESSION *promote(struct ssc_ctx *rec, sscore_table table, const SSL *ssl,
                            const sscore_key *key, const sscore_query *query)
{
    sscore_record stamp = {.stamp = query->stamp, .stamped = 1};
    SSL_SESSION *sess = ssc_share_decode(ssl, key, query->der, query->der_len);
    const long mode = atomic_load_explicit(&rec->mode, memory_order_relaxed);

    if (sess != NULL && (ssc_config()->takeover || (mode & SSL_SESS_CACHE_NO_INTERNAL_STORE) == 0))
        add(rec, table, sess, &stamp);
    return sess;
}

/* One question to the core; *again if the answer was overtaken or does not fit into the room. */
static SSL_SESSION *look(struct ssc_ctx *rec, sscore_table table, const SSL *ssl, sscore_key *key,
                         sscore_query *query, bool *again)
{
    uint8_t here[DER_ROOM];
    SSL_SESSION *sess = NULL;

    *again = false;
    query->der = query->room > sizeof here ? malloc(query->room) : here;
    if (query->der == NULL)
        return NULL;
    const int32_t verdict = sscore_lookup(table, key, (int64_t)time(NULL), query);
    /* First: libssl marks by ID, and what is found elsewhere has the same one. */
    if (query->revoked != 0)
        drop(rec, query->revoked);
    switch (verdict) {
    case SSCORE_HIT:
    case SSCORE_STALE:
        /* A session that is replaced between the core's answer and our reference
         * is looked up again; one that was removed is then a miss. */
        sess = ssc_slot_get1(query->ref);
        *again = sess == NULL;
        break;
    case SSCORE_SHARED:
    case SSCORE_STORED:
        sess = promote(rec, table, ssl, key, query);
        explicit_bzero(query->der, query->der_len);
        break;
    case SSCORE_ROOM:
        *again = true;
        break;
    default:
        break;
    }
    if (query->der != here)
        free(query->der);
    if (verdict == SSCORE_ROOM)
        query->room = query->der_len;
    return sess;
}

/*
 * A session of the table, found without a crossing; *sure if the answer is the
 * core's, counted, be it that there is none.
 */
static SSL_SESSION *look_here(struct ssc_ctx *rec, const sscore_key *key, uint32_t caches,
                              bool *sure)
{
    struct ssc_index *index = ssc_ctx_table(rec)->index;
    SSL_SESSION *sess = NULL;
    struct ssc_index_item item;

    *sure = false;
    switch (ssc_index_find(index, key, &item)) {
    case SSC_INDEX_FOUND:
        /* What can be used once has to be taken from all processes; what has
         * expired is the core's to count. */
        if ((caches & SSCORE_TAKE) != 0 || (sess = ssc_slot_get1(item.ref)) == NULL)
            return NULL;
        if (expiry_of(sess) < (int64_t)time(NULL)) {
            ssc_libssl()->SSL_SESSION_free(sess);
            return NULL;
        }
        atomic_fetch_add_explicit(&index->hits, 1, memory_order_relaxed);
        ssc_count(core.lookups, 1);
        ssc_count(core.hits, 1);
        break;
    case SSC_INDEX_ABSENT:
        if (caches != 0)
            return NULL;
        atomic_fetch_add_explicit(&index->misses, 1, memory_order_relaxed);
        ssc_count(core.lookups, 1);
        ssc_count(core.misses, 1);
        break;
    default:
        return NULL;
    }
    *sure = true;
    return sess;
}

SSL_SESSION *ssc_cache_lookup(struct ssc_ctx *rec, const SSL *ssl, const unsigned char *id,
                              size_t len, uint32_t caches)
{
    const int saved_errno = errno;
    const sscore_table table = ssc_share_core(rec, &caches);
    sscore_query query = {.caches = caches};
    uint8_t *certificate = NULL;
    SSL_SESSION *sess = NULL;
    bool again = table != 0;
    sscore_key key;

    if (caches != 0)
        query.room = (caches & SSCORE_TAKE) != 0 ? DER_ROOM_TAKE : DER_ROOM;
    if (!make_key(&key, id, len, ssc_libssl()->SSL_version(ssl)))
        again = false;
    if (again) {
        bool sure;
        sess = look_here(rec, &key, caches, &sure);
        again = !sure;
    }
    if (again && (caches & SSCORE_BIND) != 0)
        query.certificate_len = ssc_share_certificate(ssl, &certificate);
    query.certificate = certificate;
    for (int i = 0; again && i < LOOKUP_TRIES; i++)
        sess = look(rec, table, ssl, &key, &query, &again);
    if (certificate != NULL)
        ssc_libssl()->CRYPTO_free(certificate, __FILE__, __LINE__);
    errno = saved_errno;
    return sess;
}

bool ssc_cache_contains(struct ssc_ctx *rec, const unsigned char *id, size_t len, int version,
                        uint32_t caches)
{
    const int saved_errno = errno;
    const sscore_table table = ssc_share_core(rec, &caches);
    struct ssc_index_item item;
    sscore_key key;

    if (table == 0 || !make_key(&key, id, len, version))
        return false;
    enum ssc_index_answer answer = ssc_index_find(ssc_ctx_table(rec)->index, &key, &item);
    if (answer == SSC_INDEX_UNSURE || (answer == SSC_INDEX_FOUND && !ssc_slot_open(item.ref)) ||
        (answer == SSC_INDEX_ABSENT && caches != 0))
        answer = sscore_contains(table, &key, (int64_t)time(NULL), caches) != 0 ? SSC_INDEX_FOUND
                                                                                : SSC_INDEX_ABSENT;
    errno = saved_errno;
    return answer == SSC_INDEX_FOUND;
}

int ssc_cache_remove(struct ssc_ctx *rec, SSL_SESSION *sess, bool asked)
{
    struct removal frame = {.ctx = rec->ctx, .sess = sess, .asked = asked};
    struct removal *outer = removal;

    removal = &frame;
    ssc_libssl()->SSL_CTX_remove_session(rec->ctx, sess);
    removal = outer;
    return frame.found;
}

/*
 * Takes the key's session out of the cache and of the `caches`. True if one of
 * them had it; *ref is its slot, closed, if that was the process's own.
 */
static bool take_out(struct ssc_ctx *rec, sscore_table table, sscore_key *key, int64_t expiry,
                     uint32_t caches, sscore_ref *ref)
{
    struct ssc_index *index = ssc_ctx_table(rec)->index;
    struct ssc_index_item item;
    const int64_t now = (int64_t)time(NULL);
    const enum ssc_index_answer there =
        caches == 0 ? ssc_index_find(index, key, &item) : SSC_INDEX_UNSURE;

    if (there == SSC_INDEX_ABSENT)
        return false;
    SSL_SESSION *sess = there == SSC_INDEX_FOUND ? ssc_slot_close(item.ref) : NULL;
    if (sess != NULL) {
        const bool expired = expiry_of(sess) < now;
        sscore_ref removed;
        *ref = item.ref;
        if (ssc_index_retire(index, &item, expired)) {
            if (expired)
                ssc_count(core.expired, 1);
            else
                ssc_count(core.removed, 1);
            ssc_count(core.entries, -1);
        } else {
            sscore_remove(table, key, (uint64_t)(uintptr_t)sess, now, 0, 0, &removed);
        }
        return true;
    }
    if (!sscore_remove(table, key, 0, now, expiry, caches, ref))
        return false;
    if (*ref != 0 && ssc_slot_close(*ref) == NULL) {
        *ref = 0;
        return false;
    }
    return true;
}

void ssc_cache_removed(struct ssc_ctx *rec, SSL_SESSION *sess)
{
    struct removal *const outer = removal;
    struct removal *frame = outer;
    const int saved_errno = errno;
    sscore_ref ref = 0;
    sscore_key key;

    if (frame != NULL && (frame->ctx != rec->ctx || (frame->sess != NULL && frame->sess != sess)))
        frame = NULL;
    if (frame != NULL && frame->mark_only)
        return;
    /* The callback may call us for the same session again, which is another
     * removal, or leave by longjmp, which must not leave `removal` dangling. */
    removal = NULL;
    /* The end of a context takes nothing from others; libssl empties its copy then. */
    uint32_t caches = ssc_ctx_being_freed(rec->ctx) ? 0 : ssc_share_removals(rec);
    /* A client's context has the mode of a server by default; its connections
     * that end badly are no reason to start the core. */
    if (!atomic_load_explicit(&rec->served, memory_order_relaxed) &&
        (frame == NULL || !frame->asked))
        caches = 0;
    const sscore_table table = ssc_share_core(rec, &caches);
    if (table != 0 && key_of(sess, &key) &&
        take_out(rec, table, &key, expiry_of(sess), caches, &ref)) {
        if (frame != NULL) {
            frame->found = true;
            /* Another thread may have added it to libssl's copy since libssl
             * looked there for us. */
            if (atomic_load(&rec->mirrored))
                mark_not_resumable(rec, sess);
        }
    }
    errno = saved_errno;
    ssc_callback_remove(rec, sess);
    if (ref != 0)
        ssc_slot_release(ref);
    removal = outer;
}

void ssc_cache_withdraw(struct ssc_ctx *rec, SSL_SESSION *sess)
{
    const sscore_table table = ssc_ctx_core(rec);
    const int saved_errno = errno;
    sscore_key key;
    sscore_ref ref;

    if (table != 0 && key_of(sess, &key) &&
        sscore_remove(table, &key, (uint64_t)(uintptr_t)sess, (int64_t)time(NULL), 0, 0, &ref)) {
        if (ssc_slot_close(ref) == NULL) {
            errno = saved_errno;
            return;
        }
        /* Out of libssl's copy it comes only with the mark; early data asks there. */
        if (atomic_load(&rec->mirrored))
            mark_not_resumable(rec, sess);
        ssc_slot_release(ref);
    }
    errno = saved_errno;
}

/* Visits what a cursor of the core gives, if there is one, and frees it. */
static void walk(struct ssc_ctx *rec, void *cursor,
                 void (*visit)(struct ssc_ctx *rec, sscore_ref ref))
{
    sscore_ref refs[WALK_BATCH];
    uint32_t n;

    if (cursor == NULL)
        return;
    while ((n = sscore_next(cursor, refs, WALK_BATCH)) > 0) {
        for (uint32_t i = 0; i < n; i++)
            visit(rec, refs[i]);
    }
    sscore_done(cursor);
}

void ssc_cache_flush(struct ssc_ctx *rec, int64_t tm, bool all, uint32_t caches)
{
    const int saved_errno = errno;
    const sscore_table table = ssc_share_core(rec, &caches);

    if (table != 0 && ssc_runtime_running())
        walk(rec, sscore_flush(table, tm, all, (int64_t)time(NULL), caches), drop);
    errno = saved_errno;
}

void ssc_cache_end(struct ssc_ctx *rec)
{
    struct removal frame = {.ctx = rec->ctx, .mark_only = true};
    struct removal *outer = removal;

    ssc_cache_flush(rec, 0, true, 0);
    if (!atomic_load(&rec->mirrored))
        return;
    removal = &frame;
    ssc_libssl_flush(ssc_libssl(), rec->ctx, 0);
    removal = outer;
}

void ssc_cache_moved(SSL_SESSION *sess)
{
    const int saved_errno = errno;
    sscore_key key;

    if (ssc_runtime_running() && key_of(sess, &key)) {
        ssc_caller_enter();
        sscore_touch(&key, (uint64_t)(uintptr_t)sess, expiry_of(sess));
    }
    errno = saved_errno;
}

uint64_t ssc_cache_number(struct ssc_ctx *rec)
{
    const sscore_table table = ssc_ctx_core(rec);

    return table != 0 ? sscore_len(table) : 0;
}

static void mirror_ref(struct ssc_ctx *rec, sscore_ref ref)
{
    SSL_SESSION *sess = ssc_slot_get1(ref);

    if (sess == NULL)
        return;
    mirror_add(rec, sess);
    ssc_libssl()->SSL_SESSION_free(sess);
}

void ssc_cache_mirror(struct ssc_ctx *rec)
{
    const sscore_table table = ssc_ctx_core(rec);
    bool expected = false;

    if (ssc_likely(atomic_load_explicit(&rec->mirrored, memory_order_relaxed)) ||
        atomic_load(&ssc_ctx_table(rec)->users) > 1 ||
        !atomic_compare_exchange_strong(&rec->mirrored, &expected, true))
        return;
    /* The core decides what is evicted; libssl's copy has no limit of its own. */
    ssc_libssl()->SSL_CTX_ctrl(rec->ctx, SSC_CTRL_SET_SESS_CACHE_SIZE, 0, NULL);
    if (table != 0)
        walk(rec, sscore_snapshot(table), mirror_ref);
}
