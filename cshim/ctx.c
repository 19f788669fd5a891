#include "ctx.h"

#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "callback.h"
#include "config.h"
#include "connection.h"
#include "process.h"
#include "runtime.h"
#include "share.h"
#include "slot.h"
#include "trampoline.h"

/* What libssl's SSL_SESSION_CACHE_MAX_SIZE_DEFAULT is. */
#define DEFAULT_SIZE 20480
/*
 * What a table holds whose sessions the workers have in their region too. A
 * session costs a kilobyte as an object, in each process, and 200 bytes there.
 * Each that is kept also makes holes in the heap around it, so that malloc takes
 * longer: with 2,048 a worker of nginx took 4 % more processor time than with so
 * many, which was more than their lookups saved.
 */
#define OWN_SIZE 128

static _Atomic int ctx_index = -1; /* SSL_CTX: struct ssc_ctx */
static _Atomic bool have_indices;

/* Guards the list of records and the making of a record. */
static pthread_mutex_t contexts_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ssc_ctx *contexts;

static void end_of_session(SSL_SESSION *sess, void *arg)
{
    ssc_callback_remove(arg, sess);
}

/*
 * The record that a thread found last: to ask libssl costs as much as the rest
 * of a lookup. When a context is freed every thread has to ask again.
 */
static __thread struct {
    SSL_CTX *ctx;
    struct ssc_ctx *rec;
    uint64_t ended;
} recent;
static _Atomic uint64_t contexts_ended;

static void ctx_freed(void *parent, void *ptr, void *ad, int idx, long argl, void *argp)
{
    struct ssc_ctx *rec = ptr;

    (void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
    if (rec == NULL)
        return;
    ssc_fork_check();
    struct ssc_table *table = ssc_ctx_table(rec);
    pthread_mutex_lock(&contexts_lock);
    if (atomic_load(&table->owner) == rec)
        atomic_store(&table->owner, NULL);
    pthread_mutex_unlock(&contexts_lock);
    if (atomic_fetch_sub(&table->users, 1) == 1) {
        /* Where libssl's call of SSL_CTX_flush_sessions reaches us, nothing is left to do. */
        if (ssc_runtime_running())
            ssc_cache_end(rec);
        else if (atomic_load(&rec->attached))
            ssc_slot_drain(table->number, end_of_session, rec);
        ssc_table_free(table);
    }
    ssc_table_free(rec->own);
    atomic_fetch_add(&contexts_ended, 1);

    pthread_mutex_lock(&contexts_lock);
    if (rec->prev != NULL)
        rec->prev->next = rec->next;
    else
        contexts = rec->next;
    if (rec->next != NULL)
        rec->next->prev = rec->prev;
    pthread_mutex_unlock(&contexts_lock);
    free(rec);
    ssc_count(contexts, -1);
}

bool ssc_ctx_have_indices(void)
{
    return ssc_likely(atomic_load_explicit(&have_indices, memory_order_acquire));
}

bool ssc_ctx_indices(void)
{
    const struct ssc_libssl *real = ssc_libssl();

    if (ssc_ctx_have_indices())
        return true;
    if (real == NULL || !real->complete)
        return false;
    const bool both =
        ssc_libssl_take_place(&ctx_index, SSC_EX_INDEX_SSL_CTX, NULL, NULL, ctx_freed) &&
        ssc_connection_index();
    if (both)
        atomic_store_explicit(&have_indices, true, memory_order_release);
    return both;
}

struct ssc_ctx *ssc_ctx_record(SSL_CTX *ctx)
{
    const uint64_t ended = atomic_load_explicit(&contexts_ended, memory_order_acquire);

    if (ssc_likely(ctx != NULL && recent.ctx == ctx && recent.ended == ended))
        return recent.rec;
    if (ctx == NULL || !ssc_ctx_have_indices())
        return NULL;
    struct ssc_ctx *rec = ssc_libssl()->SSL_CTX_get_ex_data(ctx, ctx_index);
    if (rec != NULL) {
        recent.ctx = ctx;
        recent.rec = rec;
        recent.ended = ended;
    }
    return rec;
}

/* The record, if its context is attached. */
static struct ssc_ctx *usable(struct ssc_ctx *rec)
{
    ssc_fork_check();
    if (ssc_unlikely(ssc_runtime_unavailable()))
        ssc_ctx_detach(rec);
    return atomic_load_explicit(&rec->attached, memory_order_acquire) ? rec : NULL;
}

struct ssc_ctx *ssc_ctx_of(SSL_CTX *ctx)
{
    struct ssc_ctx *rec = ssc_ctx_record(ctx);

    return rec != NULL ? usable(rec) : NULL;
}

struct ssc_ctx *ssc_ctx_settings(SSL_CTX *ctx)
{
    struct ssc_ctx *rec = ssc_ctx_record(ctx);

    ssc_fork_check();
    return rec != NULL && atomic_load(&rec->attached) ? rec : NULL;
}

void ssc_ctx_apply_mode(struct ssc_ctx *rec)
{
    long mode = atomic_load(&rec->mode);

    if (atomic_load(&rec->attached)) {
        mode &= SSL_SESS_CACHE_BOTH;
        if (ssc_config()->takeover)
            mode |= SSL_SESS_CACHE_SERVER;
        /* Every session passes through the trampolines, none stays in libssl. */
        mode |= SSL_SESS_CACHE_NO_INTERNAL | SSL_SESS_CACHE_NO_AUTO_CLEAR;
    }
    ssc_libssl()->SSL_CTX_ctrl(rec->ctx, SSC_CTRL_SET_SESS_CACHE_MODE, mode, NULL);
}

static struct ssc_ctx *make_record(SSL_CTX *ctx)
{
    const struct ssc_libssl *real = ssc_libssl();
    struct ssc_ctx *rec = calloc(1, sizeof *rec);
    struct ssc_table *table = ssc_table_new();

    if (rec == NULL || table == NULL)
        goto failed;
    rec->ctx = ctx;
    atomic_init(&rec->table, table);
    atomic_init(&table->owner, rec);
    atomic_init(&rec->mode, real->SSL_CTX_ctrl(ctx, SSC_CTRL_GET_SESS_CACHE_MODE, 0, NULL));
    atomic_init(&rec->size, real->SSL_CTX_ctrl(ctx, SSC_CTRL_GET_SESS_CACHE_SIZE, 0, NULL));
    atomic_init(&rec->new_cb, real->SSL_CTX_sess_get_new_cb(ctx));
    atomic_init(&rec->remove_cb, real->SSL_CTX_sess_get_remove_cb(ctx));
    atomic_init(&rec->get_cb, real->SSL_CTX_sess_get_get_cb(ctx));
    atomic_init(&rec->attached, true);
    if (!real->SSL_CTX_set_ex_data(ctx, ctx_index, rec))
        goto failed;
    if ((rec->next = contexts) != NULL)
        contexts->prev = rec;
    contexts = rec;
    ssc_count(contexts, 1);
    ssc_ctx_apply_mode(rec);
    real->SSL_CTX_sess_set_new_cb(ctx, ssc_trampoline_new);
    real->SSL_CTX_sess_set_remove_cb(ctx, ssc_trampoline_remove);
    real->SSL_CTX_sess_set_get_cb(ctx, ssc_trampoline_get);
    return rec;
failed:
    ssc_table_free(table);
    free(rec);
    return NULL;
}

struct ssc_ctx *ssc_ctx_attach(SSL_CTX *ctx)
{
    const struct ssc_libssl *real = ssc_libssl();
    struct ssc_ctx *rec = ssc_ctx_record(ctx);

    if (ssc_likely(rec != NULL))
        return usable(rec);
    if (ctx == NULL || real == NULL || !ssc_ctx_indices())
        return NULL;
    if (ssc_ctx_record(ctx) == NULL) {
        ssc_fork_check();
        if (ssc_runtime_unavailable())
            return NULL;
        pthread_mutex_lock(&contexts_lock);
        if (ssc_ctx_record(ctx) == NULL &&
            real->SSL_CTX_ctrl(ctx, SSC_CTRL_SESS_NUMBER, 0, NULL) == 0)
            make_record(ctx);
        pthread_mutex_unlock(&contexts_lock);
    }
    return ssc_ctx_of(ctx);
}

static void move_to_libssl(SSL_SESSION *sess, void *arg)
{
    struct ssc_ctx *rec = arg;

    if (!atomic_load(&rec->mirrored) && !ssc_ctx_kept_by_takeover(rec))
        ssc_libssl()->SSL_CTX_add_session(rec->ctx, sess);
}

void ssc_ctx_detach(struct ssc_ctx *rec)
{
    const struct ssc_libssl *real = ssc_libssl();
    bool expected = true;

    if (!atomic_compare_exchange_strong(&rec->attached, &expected, false))
        return;
    rec->detached_cb_hits = real->SSL_CTX_ctrl(rec->ctx, SSC_CTRL_SESS_CB_HIT, 0, NULL);
    real->SSL_CTX_sess_set_new_cb(rec->ctx, atomic_load(&rec->new_cb));
    real->SSL_CTX_sess_set_remove_cb(rec->ctx, atomic_load(&rec->remove_cb));
    real->SSL_CTX_sess_set_get_cb(rec->ctx, atomic_load(&rec->get_cb));
    real->SSL_CTX_set_generate_session_id(rec->ctx, atomic_load(&rec->generate_cb));
    real->SSL_CTX_ctrl(rec->ctx, SSC_CTRL_SET_SESS_CACHE_SIZE, atomic_load(&rec->size), NULL);
    ssc_ctx_apply_mode(rec);
    /* Sessions that the parent of this process kept; where the core never started there are none. */
    ssc_slot_drain(ssc_ctx_table(rec)->number, move_to_libssl, rec);
}

bool ssc_ctx_kept_by_takeover(struct ssc_ctx *rec)
{
    const long mode = atomic_load_explicit(&rec->mode, memory_order_relaxed);

    return ssc_config()->takeover &&
           ((mode & SSL_SESS_CACHE_NO_INTERNAL_STORE) != 0 || (mode & SSL_SESS_CACHE_SERVER) == 0);
}

static uint64_t size_of(struct ssc_ctx *rec)
{
    /* A size set beside flags that keep nothing was not meant for us: postfix says 1. */
    if (ssc_ctx_kept_by_takeover(rec))
        return DEFAULT_SIZE;
    return (uint64_t)atomic_load(&rec->size);
}

uint64_t ssc_ctx_capacity(struct ssc_ctx *rec)
{
    return ssc_ctx_overflows(rec) ? OWN_SIZE : size_of(rec);
}

bool ssc_ctx_overflows(struct ssc_ctx *rec)
{
    const uint64_t size = size_of(rec);

    return (size == 0 || size > OWN_SIZE) && (ssc_share_stores(rec) & SSCORE_REGION) != 0 &&
           !atomic_load(&rec->mirrored) && !atomic_load(&rec->unshared) &&
           (ssc_config()->takeover || atomic_load(&rec->remove_cb) == NULL);
}

void ssc_ctx_note_unshared(struct ssc_ctx *rec)
{
    if (!atomic_load_explicit(&rec->unshared, memory_order_relaxed) && ssc_ctx_overflows(rec)) {
        atomic_store(&rec->unshared, true);
        ssc_ctx_apply_capacity(rec);
    }
}

void ssc_ctx_apply_capacity(struct ssc_ctx *rec)
{
    const sscore_table table = ssc_ctx_core(rec);

    if (table != 0)
        sscore_set_capacity(table, ssc_ctx_capacity(rec));
}

bool ssc_ctx_share(struct ssc_ctx *dst, struct ssc_ctx *src)
{
    bool shared = true;

    pthread_mutex_lock(&contexts_lock);
    struct ssc_table *from = ssc_ctx_table(src);
    struct ssc_table *to = ssc_ctx_table(dst);
    if (from != to) {
        shared = atomic_load(&to->core) == 0 && atomic_load(&to->users) == 1 &&
                 !atomic_load(&dst->mirrored) && !atomic_load(&src->mirrored);
        if (shared) {
            atomic_fetch_add(&from->users, 1);
            dst->own = to;
            atomic_store(&dst->table, from);
        }
    }
    pthread_mutex_unlock(&contexts_lock);
    return shared;
}

void ssc_ctx_set_context_id(struct ssc_ctx *rec, const unsigned char *id, uint32_t len)
{
    pthread_mutex_lock(&contexts_lock);
    if (len > 0)
        memcpy(rec->context_id, id, len);
    rec->context_id_len = len;
    atomic_fetch_add(&rec->context_ids_set, 1);
    pthread_mutex_unlock(&contexts_lock);
}

struct ssc_ctx *ssc_ctx_lock_owner(struct ssc_table *table, struct ssc_ctx *rec)
{
    pthread_mutex_lock(&contexts_lock);
    struct ssc_ctx *owner = atomic_load(&table->owner);
    return owner != NULL ? owner : rec;
}

void ssc_ctx_unlock_owner(void)
{
    pthread_mutex_unlock(&contexts_lock);
}

bool ssc_ctx_any_caches(void)
{
    bool any = false;

    pthread_mutex_lock(&contexts_lock);
    for (struct ssc_ctx *rec = contexts; rec != NULL && !any; rec = rec->next) {
        const long mode = atomic_load(&rec->mode);
        any = ssc_config()->takeover ||
              ((mode & SSL_SESS_CACHE_BOTH) != 0 && (mode & SSL_SESS_CACHE_NO_INTERNAL_STORE) == 0);
    }
    pthread_mutex_unlock(&contexts_lock);
    return any;
}

void ssc_ctx_forked(void)
{
    pthread_mutex_init(&contexts_lock, NULL);
}
