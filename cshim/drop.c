#include "drop.h"

#include "cache.h"
#include "callback.h"
#include "notes.h"
#include "reserve.h"
#include "runtime.h"
#include "share.h"
#include "slot.h"

/* Ends a session that was displaced, whose slot is closed: mark, callback, reference. */
static void end(struct ssc_ctx *rec, sscore_ref ref, SSL_SESSION *sess)
{
    if (sess == NULL)
        return;
    /* What only takeover kept, the application never had in the cache. It is
     * not told of our housekeeping, and the object is not marked, or its own
     * store would lose the session by it. */
    const bool ours_alone = ssc_ctx_kept_by_takeover(rec);
    if (!ours_alone || atomic_load(&rec->mirrored))
        ssc_cache_mark(rec, sess);
    if (!ours_alone)
        ssc_callback_remove(rec, sess);
    ssc_slot_release(ref);
}

void ssc_drop_session(struct ssc_ctx *rec, sscore_ref ref)
{
    end(rec, ref, ssc_slot_close(ref));
}

/*
 * Ends a session for which the table has no room. If the workers have it in
 * their region it stays in the cache: nobody is told, and nothing is marked.
 */
static void evict(struct ssc_ctx *rec, sscore_ref ref)
{
    SSL_SESSION *sess = ssc_ctx_overflows(rec) ? ssc_slot_close(ref) : NULL;

    ssc_reserve_keep();
    if (sess != NULL && ssc_share_fits(sess)) {
        ssc_slot_release(ref);
        return;
    }
    atomic_fetch_add(&rec->cache_full, 1);
    end(rec, ref, sess != NULL ? sess : ssc_slot_close(ref));
}

void ssc_drop_displaced(struct ssc_ctx *rec, sscore_table table, sscore_displaced *displaced)
{
    for (;;) {
        const uint32_t more = displaced->more;
        /* Both are the same session, says the manual: no mark, no callback. */
        if (displaced->replaced != 0 && ssc_slot_close(displaced->replaced) != NULL)
            ssc_slot_release(displaced->replaced);
        /* All at once, as far as the processor can; one after the other they would be waited for. */
        for (uint32_t i = 0; i < displaced->evicted_len; i++)
            ssc_slot_prefetch(displaced->evicted[i]);
        for (uint32_t i = 0; i < displaced->evicted_len; i++)
            evict(rec, displaced->evicted[i]);
        if (!more)
            return;
        sscore_evict(table, displaced);
    }
}

void ssc_drop_settle(struct ssc_ctx *rec)
{
    const sscore_table table = ssc_ctx_core(rec);
    sscore_displaced displaced;

    if (table == 0 || !ssc_runtime_running())
        return;
    const struct ssc_index *index = ssc_ctx_table(rec)->index;
    const bool noted = ssc_notes_added(index) > 0;
    if (noted)
        sscore_len(table); /* now it knows all of them */
    const uint64_t capacity = atomic_load(&index->capacity);
    if (noted || (capacity > 0 && atomic_load(&index->used) > capacity) ||
        atomic_load(&index->owed) > 0) {
        sscore_evict(table, &displaced);
        ssc_drop_displaced(rec, table, &displaced);
    }
}

bool ssc_drop_settled(struct ssc_ctx *rec)
{
    const struct ssc_index *index = ssc_ctx_table(rec)->index;
    const uint64_t capacity = atomic_load(&index->capacity);

    return atomic_load(&index->owed) == 0 &&
           (capacity == 0 || atomic_load(&index->used) + ssc_notes_added(index) <= capacity);
}

void ssc_drop_due(struct ssc_ctx *rec, sscore_table table)
{
    struct ssc_index *index = ssc_ctx_table(rec)->index;
    const uint64_t capacity = atomic_load_explicit(&index->capacity, memory_order_relaxed);
    const uint64_t used = atomic_load_explicit(&index->used, memory_order_relaxed);
    sscore_displaced displaced;
    bool displaces = capacity > 0 && used + ssc_notes_added(index) > capacity;

    if (!displaces && ssc_notes_settle(index)) {
        displaces = sscore_settle(table) != 0;
        ssc_notes_settled(index);
    }
    /* Each thread frees sessions of its own: that takes longest. */
    if (displaces) {
        sscore_evict(table, &displaced);
        ssc_drop_displaced(rec, table, &displaced);
    }
}
