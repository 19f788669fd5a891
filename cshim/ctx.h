/*
 * ctx.h: what the shim knows of an SSL_CTX. The application's settings live
 * here, in C, so that they survive a fork; libssl's own are set so that every
 * session passes through the trampolines.
 */
#ifndef SSC_CTX_H
#define SSC_CTX_H

#include <stdatomic.h>

#include "caller.h"
#include "libssl.h"
#include "sscore.h"
#include "ssc.h"
#include "table.h"

struct ssc_ctx {
    SSL_CTX *ctx;
    struct ssc_ctx *next, *prev;

    /* what the application set */
    _Atomic long mode;
    _Atomic long size;
    _Atomic(ssc_new_cb) new_cb;
    _Atomic(ssc_remove_cb) remove_cb;
    _Atomic(ssc_get_cb) get_cb;
    _Atomic(GEN_SESSION_CB) generate_cb;

    /* what SSL_CTX_set_session_id_context set; libssl has no getter. See ssc_ctx_lock_owner. */
    unsigned char context_id[32];
    uint32_t context_id_len;
    _Atomic uint32_t context_ids_set; /* how often */

    _Atomic bool served;               /* a connection was a server's */
    _Atomic bool attached;             /* false: libssl's own cache serves, see ssc_ctx_detach */
    _Atomic bool mirrored;             /* libssl's table is kept as a copy, see ssc_cache_mirror */
    _Atomic bool unshared;             /* some sessions are in its table alone */
    _Atomic(struct ssc_table *) table; /* never NULL */
    struct ssc_table *own;             /* the table it was made with, if it uses another's now */

    /* counters that libssl no longer keeps, for SSL_CTX_sess_number(3) */
    _Atomic long cb_hits, misses, cache_full;
    _Atomic long clears[2]; /* automatic flushes that are past, of clients [0] and servers [1] */
    long detached_cb_hits;  /* libssl's figure when the context was detached */
};

/* ssc_ctx_of returns the record of an attached context, or NULL: libssl serves it alone. */
struct ssc_ctx *ssc_ctx_of(SSL_CTX *ctx);

/*
 * ssc_ctx_settings is ssc_ctx_of for who only asks what the application set. It takes
 * no lock and no memory: a child of a busy process may ask, and libssl's getters take
 * none either. In such a child the record is that of a context yet to be detached.
 */
struct ssc_ctx *ssc_ctx_settings(SSL_CTX *ctx);

/* ssc_ctx_record is ssc_ctx_of that returns the record also after ssc_ctx_detach. */
struct ssc_ctx *ssc_ctx_record(SSL_CTX *ctx);

/*
 * ssc_ctx_attach makes a record of `ctx` if it has none, takes over its present
 * settings, and puts the trampolines in their place. Returns ssc_ctx_of(ctx).
 * A context in whose own cache libssl holds sessions already is left alone.
 */
struct ssc_ctx *ssc_ctx_attach(SSL_CTX *ctx);

/*
 * ssc_ctx_detach hands the context back to libssl, with the application's
 * settings: the process cannot run the Go core. In a forked child the sessions
 * that the parent had cached move into libssl's cache. Idempotent.
 */
void ssc_ctx_detach(struct ssc_ctx *rec);

/* ssc_ctx_apply_mode sets libssl's cache mode as the record's mode asks for. */
void ssc_ctx_apply_mode(struct ssc_ctx *rec);

/* ssc_ctx_table returns the context's table. */
static inline struct ssc_table *ssc_ctx_table(struct ssc_ctx *rec)
{
    return atomic_load_explicit(&rec->table, memory_order_acquire);
}

/*
 * ssc_ctx_core returns the context's table in the core, for a call of the core;
 * 0 as long as nothing was added to it.
 */
static inline sscore_table ssc_ctx_core(struct ssc_ctx *rec)
{
    const sscore_table core = atomic_load_explicit(&ssc_ctx_table(rec)->core, memory_order_acquire);

    if (core != 0)
        ssc_caller_enter();
    return core;
}

/*
 * ssc_ctx_share makes `dst` use the table of `src`. False if `dst` has stored
 * sessions, shares its table already, or either is mirrored.
 */
bool ssc_ctx_share(struct ssc_ctx *dst, struct ssc_ctx *src);

/* ssc_ctx_set_context_id notes what SSL_CTX_set_session_id_context set: at most 32 bytes. */
void ssc_ctx_set_context_id(struct ssc_ctx *rec, const unsigned char *id, uint32_t len);

/*
 * ssc_ctx_lock_owner returns the context that a table was made with, or `rec`
 * if that is gone, and keeps contexts as they are until ssc_ctx_unlock_owner.
 */
struct ssc_ctx *ssc_ctx_lock_owner(struct ssc_table *table, struct ssc_ctx *rec);
void ssc_ctx_unlock_owner(void);

/* ssc_ctx_capacity is the number of sessions the core may keep for the context; 0 is no limit. */
uint64_t ssc_ctx_capacity(struct ssc_ctx *rec);

/* ssc_ctx_apply_capacity tells the core of a change of ssc_ctx_capacity. */
void ssc_ctx_apply_capacity(struct ssc_ctx *rec);

/*
 * ssc_ctx_overflows is true if the context's table has only the newest of its
 * sessions, and the region has all of them. Not where the application wants to
 * be told of each that goes, nor where libssl's own table is a copy.
 */
bool ssc_ctx_overflows(struct ssc_ctx *rec);

/*
 * ssc_ctx_note_unshared is called when a session was not given to the region,
 * though others are: the table then has to hold as many as the size says.
 */
void ssc_ctx_note_unshared(struct ssc_ctx *rec);

/*
 * ssc_ctx_kept_by_takeover is true if only takeover mode makes us keep the
 * context's sessions: the application's flags say that nothing is cached.
 */
bool ssc_ctx_kept_by_takeover(struct ssc_ctx *rec);

/* ssc_ctx_any_caches is true if some context of the process may store sessions in the core. */
bool ssc_ctx_any_caches(void);

/*
 * ssc_ctx_indices takes the places of the shim's data in SSL and SSL_CTX. They
 * must be lower than the application's: OpenSSL frees in the order of the
 * places, and remove callbacks that run at the end of a context may look at
 * the application's data there.
 */
bool ssc_ctx_indices(void);

/* ssc_ctx_have_indices is true once they are taken; until then no context is attached. */
bool ssc_ctx_have_indices(void);

/* ssc_ctx_being_freed is true while this thread is in SSL_CTX_free of the context. */
bool ssc_ctx_being_freed(const SSL_CTX *ctx);

/* ssc_ctx_forked frees what another thread of the parent may have locked. */
void ssc_ctx_forked(void);

#endif
