#include "cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "callback.h"
#include "config.h"
#include "drop.h"
#include "key.h"
#include "mark.h"
#include "notes.h"
#include "process.h"
#include "runtime.h"
#include "share.h"
#include "slot.h"

#define WALK_BATCH 64
/* So many sessions on their way from memory while one is visited. */
#define WALK_AHEAD 8
/* A cache of this size may have some sessions more for some adds: 3 of 100. */
#define LATE_SIZE (32 * SSC_NOTES_LATE)

/* A session that is to go, as the core and the index know it. */
struct target {
    bool keyed; /* it has a key, which is set if so */
    struct ssc_index_key key;
};

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
    bool aimed; /* `target` is the session's */
    struct target target;
};
static __thread struct removal *removal;
static __thread bool in_libssl_add;

bool ssc_cache_in_libssl(void)
{
    return in_libssl_add;
}

static bool mirrored(struct ssc_ctx *rec)
{
    return ssc_unlikely(atomic_load_explicit(&rec->mirrored, memory_order_acquire));
}

static void mirror_add(struct ssc_ctx *rec, SSL_SESSION *sess);

/*
 * The session was taken out of libssl's copy because it was no longer in the
 * cache. Another thread may have stored one of the same key in the meantime, in
 * the cache and in the copy: that is put back.
 */
static void mirror_again(struct ssc_ctx *rec, SSL_SESSION *sess)
{
    const struct ssc_table *table = ssc_ctx_table(rec);
    const sscore_table core = ssc_ctx_core(rec);
    struct ssc_index_item item;
    struct ssc_index_key key;

    if (core == 0 || !ssc_runtime_running() || !ssc_key_of(sess, &key.key) ||
        !sscore_contains(core, &key.key, 0, 0))
        return;
    ssc_index_hash(table->index, &key);
    SSL_SESSION *const stored = ssc_index_find(table->index, &key, &item) == SSC_INDEX_FOUND
                                    ? ssc_slot_get1(item.ref)
                                    : NULL;
    mirror_add(rec, stored != NULL ? stored : sess);
    ssc_libssl()->SSL_SESSION_free(stored);
}

/* Marks a session and takes it out of libssl's copy. */
static void unmirror(struct ssc_ctx *rec, SSL_SESSION *sess)
{
    struct removal frame = {.ctx = rec->ctx, .sess = sess, .mark_only = true};
    struct removal *outer = removal;

    removal = &frame;
    ssc_libssl()->SSL_CTX_remove_session(rec->ctx, sess);
    removal = outer;
    if (mirrored(rec))
        mirror_again(rec, sess);
}

void ssc_cache_mark(struct ssc_ctx *rec, SSL_SESSION *sess)
{
    if (mirrored(rec) || !ssc_mark(sess))
        unmirror(rec, sess);
}

static void mirror_add(struct ssc_ctx *rec, SSL_SESSION *sess)
{
    const bool outer = in_libssl_add;
    sscore_key key;

    /* libssl adds a session without an ID, but never removes it. */
    if (!ssc_key_of(sess, &key) || key.id_len == 0)
        return;
    in_libssl_add = true;
    ssc_libssl()->SSL_CTX_add_session(rec->ctx, sess);
    in_libssl_add = outer;
    /* Another thread may have taken it out of the core in between. */
    if (!sscore_contains(ssc_ctx_core(rec), &key, 0, 0))
        unmirror(rec, sess);
}

/* Stores what needs no crossing: it displaces nothing, and nobody else gets it. */
static bool store_noted(struct ssc_ctx *rec, sscore_table table, const struct ssc_index_key *key,
                        const struct ssc_note *note)
{
    const enum ssc_noted noted = ssc_notes_add(ssc_ctx_table(rec)->index, key, note);

    if (noted == SSC_NOTED_NOT)
        return false;
    ssc_count_lane(added, 1);
    /* Who makes the mirror finds the note, or we see at the end that there is one. */
    atomic_thread_fence(memory_order_seq_cst);
    if (noted == SSC_NOTED_DUE)
        ssc_drop_due(rec, table);
    return true;
}

static bool store_called(struct ssc_ctx *rec, sscore_table table, sscore_key *key,
                         const struct ssc_note *note, sscore_record *record)
{
    sscore_displaced displaced;

    switch (sscore_add(table, key, note->ref, note->object, (int64_t)time(NULL), note->expiry,
                       record, &displaced)) {
    case SSCORE_ADDED:
    case SSCORE_REPLACED:
        ssc_drop_displaced(rec, table, &displaced);
        return true;
    default: /* SSCORE_SAME, or SSCORE_FAILED */
        ssc_slot_close(note->ref);
        ssc_slot_release(note->ref);
        return false;
    }
}

/* An application that hears of evictions, or made the cache small, is to see them at once. */
static bool may_be_late(struct ssc_ctx *rec, const struct ssc_table *table)
{
    return atomic_load_explicit(&table->index->capacity, memory_order_relaxed) >= LATE_SIZE &&
           atomic_load_explicit(&rec->remove_cb, memory_order_relaxed) == NULL &&
           atomic_load_explicit(&table->users, memory_order_relaxed) == 1;
}

int ssc_cache_store(struct ssc_ctx *rec, sscore_table table, const SSL *ssl, SSL_SESSION *sess,
                    sscore_record *record)
{
    const struct ssc_libssl *real = ssc_libssl();
    const struct ssc_table *own = ssc_ctx_table(rec);
    /* First what needs nothing of the session, which is on its way from memory. */
    const uint32_t slot = ssc_slot_reserve(own->number, ssl != NULL);
    const bool late = may_be_late(rec, own);
    struct ssc_index_key key;

    if (slot == 0 || !ssc_key_of(sess, &key.key)) {
        if (slot != 0)
            ssc_slot_cancel(slot);
        return 0;
    }
    ssc_index_hash(own->index, &key);
    ssc_index_prefetch(own->index, &key);
    real->SSL_SESSION_up_ref(sess);
    const struct ssc_note note = {
        .ref = ssc_slot_fill(slot, sess),
        .object = (uint64_t)(uintptr_t)sess,
        .expiry = ssc_key_expiry(sess),
        .late = late,
    };
    if ((record != NULL || mirrored(rec) || !store_noted(rec, table, &key, &note)) &&
        !store_called(rec, table, &key.key, &note, record))
        return 0;
    if (mirrored(rec))
        mirror_add(rec, sess);
    return 1;
}

static bool encode(struct ssc_ctx *rec, const SSL *ssl, SSL_SESSION *sess, uint32_t caches,
                   sscore_record *record)
{
    const bool encoded = ssc_share_encode(ssl, sess, caches, record);

    if (!encoded && (caches & SSCORE_REGION) != 0)
        ssc_ctx_note_unshared(rec);
    return encoded;
}

int ssc_cache_add(struct ssc_ctx *rec, const SSL *ssl, SSL_SESSION *sess, uint32_t caches)
{
    const struct ssc_libssl *real = ssc_libssl();
    const int saved_errno = errno;
    sscore_record record;
    int stored = 0;

    ssc_key_prefetch(sess);
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
        const bool shared = caches != 0 && encode(rec, ssl, sess, caches, &record);
        stored = ssc_cache_store(rec, table, ssl, sess, shared ? &record : NULL);
        if (shared)
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

    if (caches != 0 && ssc_key_of(sess, &key) && encode(rec, ssl, sess, caches, &record)) {
        sscore_share(table, &key, (int64_t)time(NULL), ssc_key_expiry(sess), &record);
        ssc_share_wipe(&record);
    }
    errno = saved_errno;
}

/* There has to be a table in the core. */
static void aim(struct ssc_ctx *rec, const SSL_SESSION *sess, struct target *target)
{
    const struct ssc_index *index = ssc_ctx_table(rec)->index;

    target->keyed = ssc_key_of(sess, &target->key.key);
    if (!target->keyed)
        return;
    ssc_index_hash(index, &target->key);
    ssc_index_prefetch(index, &target->key);
}

/* Has the core forget a session whose slot, `closed`, the caller has closed. */
static void forget(sscore_table table, sscore_key *key, const SSL_SESSION *sess, int64_t now,
                   sscore_ref closed)
{
    sscore_ref removed;

    sscore_remove(table, key, (uint64_t)(uintptr_t)sess, now, 0, 0, &removed);
    /* Other threads may have evicted it meanwhile, and stored it once more. */
    if (removed != closed && ssc_slot_close(removed) != NULL)
        ssc_slot_release(removed);
}

/*
 * Takes the target out of the cache and of the `caches`, where it does not come
 * back before one `like` it expires. True if one of them had it; *ref is its
 * slot, closed, if that was the process's own.
 */
static bool take_out(struct ssc_ctx *rec, sscore_table table, struct target *target,
                     const SSL_SESSION *like, uint32_t caches, sscore_ref *ref)
{
    struct ssc_index *index = ssc_ctx_table(rec)->index;
    const int64_t now = (int64_t)time(NULL);
    struct ssc_index_item item;
    SSL_SESSION *sess = NULL;

    if (caches == 0) {
        const enum ssc_index_answer there = ssc_index_find(index, &target->key, &item);
        if (there == SSC_INDEX_ABSENT)
            return false;
        if (there == SSC_INDEX_FOUND)
            sess = ssc_slot_close(item.ref);
    }
    if (sess != NULL) {
        const bool expired = ssc_key_expiry(sess) < now;
        *ref = item.ref;
        const enum ssc_noted noted =
            item.number != 0 ? ssc_notes_retire(index, &item, expired)
                             : ssc_notes_withdraw(index, &item, (uint64_t)(uintptr_t)sess, expired);
        if (noted == SSC_NOTED_NOT)
            forget(table, &target->key.key, sess, now, *ref);
        else if (expired)
            ssc_count_lane(expired, 1);
        else
            ssc_count_lane(removed, 1);
        if (noted == SSC_NOTED_DUE && ssc_notes_settle(index)) {
            sscore_settle(table);
            ssc_notes_settled(index);
        }
        return true;
    }
    if (!sscore_remove(table, &target->key.key, 0, now, ssc_key_expiry(like), caches, ref))
        return false;
    if (*ref != 0 && ssc_slot_close(*ref) == NULL) {
        *ref = 0;
        return false;
    }
    return true;
}

/* The session is marked. `frame` is the call of ssc_cache_remove that this belongs to, or NULL. */
static void removed(struct ssc_ctx *rec, SSL_SESSION *sess, struct removal *frame)
{
    struct removal *const outer = removal;
    const int saved_errno = errno;
    sscore_ref ref = 0;
    struct target other, *target = &other;

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
    if (frame != NULL && frame->aimed)
        target = &frame->target;
    else if (table != 0)
        aim(rec, sess, target);
    if (table != 0 && target->keyed && take_out(rec, table, target, sess, caches, &ref)) {
        if (frame != NULL)
            frame->found = true;
        /* Another thread may have added it to libssl's copy since libssl looked there.
         * Where an add or the end of the context displaces it, libssl has its lock. */
        if (mirrored(rec) && !in_libssl_add && !ssc_ctx_being_freed(rec->ctx))
            unmirror(rec, sess);
    }
    errno = saved_errno;
    ssc_callback_remove(rec, sess);
    if (ref != 0)
        ssc_slot_release(ref);
    removal = outer;
}

void ssc_cache_removed(struct ssc_ctx *rec, SSL_SESSION *sess)
{
    struct removal *frame = removal;

    if (frame != NULL && (frame->ctx != rec->ctx || (frame->sess != NULL && frame->sess != sess)))
        frame = NULL;
    if (frame == NULL || !frame->mark_only)
        removed(rec, sess, frame);
}

int ssc_cache_remove(struct ssc_ctx *rec, SSL_SESSION *sess, bool asked)
{
    struct removal frame = {.ctx = rec->ctx, .sess = sess, .asked = asked};
    struct removal *outer = removal;

    ssc_key_prefetch(sess);
    /* Before libssl's part, so that the line of the index comes from memory meanwhile. */
    frame.aimed = atomic_load_explicit(&ssc_ctx_table(rec)->core, memory_order_acquire) != 0;
    if (frame.aimed)
        aim(rec, sess, &frame.target);
    /* libssl removes nothing without an ID, and only it can say what it does then. */
    if (frame.aimed && frame.target.keyed && frame.target.key.key.id_len > 0 && !mirrored(rec) &&
        ssc_mark(sess)) {
        removed(rec, sess, &frame);
        return frame.found;
    }
    removal = &frame;
    ssc_libssl()->SSL_CTX_remove_session(rec->ctx, sess);
    removal = outer;
    return frame.found;
}

void ssc_cache_withdraw(struct ssc_ctx *rec, SSL_SESSION *sess)
{
    const sscore_table table = ssc_ctx_core(rec);
    const int saved_errno = errno;
    sscore_key key;
    sscore_ref ref;

    if (table != 0 && ssc_key_of(sess, &key) &&
        sscore_remove(table, &key, (uint64_t)(uintptr_t)sess, (int64_t)time(NULL), 0, 0, &ref) &&
        ssc_slot_close(ref) != NULL) {
        /* Out of libssl's copy it comes only with the mark; early data asks there. */
        if (mirrored(rec))
            unmirror(rec, sess);
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
        for (uint32_t i = 0; i < n + WALK_AHEAD; i++) {
            if (i < n)
                ssc_slot_prefetch(refs[i]);
            if (i >= WALK_AHEAD)
                visit(rec, refs[i - WALK_AHEAD]);
        }
    }
    sscore_done(cursor);
}

void ssc_cache_flush(struct ssc_ctx *rec, int64_t tm, bool all, uint32_t caches)
{
    const int saved_errno = errno;
    const sscore_table table = ssc_share_core(rec, &caches);
    const int64_t now = (int64_t)time(NULL);

    if (table == 0 || !ssc_runtime_running())
        return;
    /* Most flushes find nothing; the region has none for what expires by itself. */
    const bool here = all || ssc_notes_earliest(ssc_ctx_table(rec)->index) < tm;
    const bool some = here || (caches != 0 && tm > now);
    if (some || !ssc_drop_settled(rec))
        ssc_drop_settle(rec);
    if (some)
        walk(rec, sscore_flush(table, tm, all, now, caches), ssc_drop_session);
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

    if (ssc_runtime_running() && ssc_key_of(sess, &key)) {
        ssc_caller_enter();
        sscore_touch(&key, (uint64_t)(uintptr_t)sess, ssc_key_expiry(sess));
    }
    errno = saved_errno;
}

uint64_t ssc_cache_number(struct ssc_ctx *rec)
{
    const sscore_table table = ssc_ctx_core(rec);

    ssc_drop_settle(rec);
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
    ssc_drop_settle(rec);
    /* The core decides what is evicted; libssl's copy has no limit of its own. */
    ssc_libssl()->SSL_CTX_ctrl(rec->ctx, SSC_CTRL_SET_SESS_CACHE_SIZE, 0, NULL);
    ssc_ctx_apply_capacity(rec);
    if (table != 0)
        walk(rec, sscore_snapshot(table), mirror_ref);
}
