#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache.h"
#include "config.h"
#include "drop.h"
#include "key.h"
#include "process.h"
#include "share.h"
#include "slot.h"

#define LOOKUP_TRIES 8
/* Room for the DER of most sessions, and for that of all with SSCORE_TAKE. */
#define DER_ROOM 4096
#define DER_ROOM_TAKE (32 * 1024)

/* Makes a session of what another process shared, and stores it here too. */
static SSL_SESSION *promote(struct ssc_ctx *rec, sscore_table table, const SSL *ssl,
                            const sscore_key *key, const sscore_query *query)
{
    sscore_record stamp = {.stamp = query->stamp, .stamped = 1};
    SSL_SESSION *sess = ssc_share_decode(ssl, key, query->der, query->der_len);
    const long mode = atomic_load_explicit(&rec->mode, memory_order_relaxed);

    if (sess != NULL && (ssc_config()->takeover || (mode & SSL_SESS_CACHE_NO_INTERNAL_STORE) == 0))
        ssc_cache_store(rec, table, ssl, sess, &stamp);
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
        ssc_drop_session(rec, query->revoked);
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
static SSL_SESSION *look_here(struct ssc_ctx *rec, struct ssc_index_key *key, uint32_t caches,
                              bool *sure)
{
    struct ssc_index *index = ssc_ctx_table(rec)->index;
    SSL_SESSION *sess = NULL;
    struct ssc_index_item item;

    *sure = false;
    ssc_index_hash(index, key);
    switch (ssc_index_find(index, key, &item)) {
    case SSC_INDEX_FOUND:
        /* What can be used once has to be taken from all processes; what has
         * expired is the core's to count. */
        if ((caches & SSCORE_TAKE) != 0 || (sess = ssc_slot_get1(item.ref)) == NULL)
            return NULL;
        if (ssc_key_expiry(sess) < (int64_t)time(NULL)) {
            ssc_libssl()->SSL_SESSION_free(sess);
            return NULL;
        }
        atomic_fetch_add_explicit(&index->lane[ssc_lane()].hits, 1, memory_order_relaxed);
        ssc_count_lane(hits, 1);
        break;
    case SSC_INDEX_ABSENT:
        if (caches != 0)
            return NULL;
        atomic_fetch_add_explicit(&index->lane[ssc_lane()].misses, 1, memory_order_relaxed);
        ssc_count_lane(misses, 1);
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
    struct ssc_index_key key;

    if (caches != 0)
        query.room = (caches & SSCORE_TAKE) != 0 ? DER_ROOM_TAKE : DER_ROOM;
    if (!ssc_key_make(&key.key, id, len, ssc_libssl()->SSL_version(ssl)))
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
        sess = look(rec, table, ssl, &key.key, &query, &again);
    if (certificate != NULL)
        ssc_libssl()->CRYPTO_free(certificate, __FILE__, __LINE__);
    errno = saved_errno;
    return sess;
}

static __attribute__((noinline)) bool contains_called(sscore_table table, sscore_key *key,
                                                      uint32_t caches)
{
    const int saved_errno = errno;
    const bool contains = sscore_contains(table, key, (int64_t)time(NULL), caches) != 0;

    errno = saved_errno;
    return contains;
}

bool ssc_cache_contains(struct ssc_ctx *rec, const unsigned char *id, size_t len, int version,
                        uint32_t caches)
{
    const sscore_table table = ssc_share_core(rec, &caches);
    struct ssc_index_item item;
    struct ssc_index_key key;

    if (table == 0 || !ssc_key_make(&key.key, id, len, version))
        return false;
    const struct ssc_index *index = ssc_ctx_table(rec)->index;
    ssc_index_hash(index, &key);
    const enum ssc_index_answer answer = ssc_index_find(index, &key, &item);
    /* The note of one that the core has just stored, and that was taken out there, may be left. */
    const bool gone = answer == SSC_INDEX_FOUND && item.number == 0 && !ssc_slot_open(item.ref);
    if (answer == SSC_INDEX_UNSURE || gone || (answer == SSC_INDEX_ABSENT && caches != 0))
        return contains_called(table, &key.key, caches);
    return answer == SSC_INDEX_FOUND;
}
