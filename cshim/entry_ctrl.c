/* Entry points: mode, size and counters, which are macros over SSL_CTX_ctrl. */
#include "autoclear.h"
#include "cache.h"
#include "drop.h"
#include "libssl.h"
#include "runtime.h"

static long set_mode(struct ssc_ctx *rec, long mode)
{
    ssc_drop_settle(rec);
    const long before = atomic_exchange(&rec->mode, mode);

    ssc_autoclear_mode_set(rec, before);
    ssc_ctx_apply_mode(rec);
    ssc_ctx_apply_capacity(rec);
    return before;
}

static long set_size(struct ssc_ctx *rec, long size)
{
    if (size < 0)
        return 0;
    ssc_drop_settle(rec);
    const long before = atomic_exchange(&rec->size, size);
    ssc_ctx_apply_capacity(rec);
    return before;
}

/* What was set last. */
static long setting(SSL_CTX *ctx, int cmd)
{
    struct ssc_ctx *rec = ssc_ctx_settings(ctx);

    if (rec == NULL)
        return ssc_libssl()->SSL_CTX_ctrl(ctx, cmd, 0, NULL);
    return atomic_load(cmd == SSC_CTRL_GET_SESS_CACHE_MODE ? &rec->mode : &rec->size);
}

/* The figures of a context that was detached: what it counted before and libssl since. */
static long detached(struct ssc_ctx *rec, int cmd, long libssl)
{
    switch (cmd) {
    case SSC_CTRL_SESS_CB_HIT:
        return atomic_load(&rec->cb_hits) + libssl - rec->detached_cb_hits;
    case SSC_CTRL_SESS_MISSES:
        return atomic_load(&rec->misses) + libssl;
    case SSC_CTRL_SESS_CACHE_FULL:
        return atomic_load(&rec->cache_full) + libssl;
    default:
        return libssl;
    }
}

SSC_EXPORT long SSL_CTX_ctrl(SSL_CTX *ctx, int cmd, long larg, void *parg)
{
    SSC_ENTER(SSL_CTX_ctrl, ctx, cmd, larg, parg);

    if (real == NULL)
        return 0;
    const bool ours = (cmd >= SSC_CTRL_SESS_NUMBER && cmd <= SSC_CTRL_SESS_CACHE_FULL) ||
                      (cmd >= SSC_CTRL_SET_SESS_CACHE_SIZE && cmd <= SSC_CTRL_GET_SESS_CACHE_MODE);
    /* libssl's own SSL_CTX_add_session asks for size and number of its own table. */
    if (ssc_likely(!ours) || ctx == NULL || ssc_cache_in_libssl())
        return real->SSL_CTX_ctrl(ctx, cmd, larg, parg);
    if (cmd == SSC_CTRL_GET_SESS_CACHE_MODE || cmd == SSC_CTRL_GET_SESS_CACHE_SIZE)
        return setting(ctx, cmd);
    struct ssc_ctx *rec = ssc_ctx_attach(ctx);
    if (rec == NULL) {
        const long result = real->SSL_CTX_ctrl(ctx, cmd, larg, parg);
        rec = ssc_ctx_record(ctx);
        return rec != NULL ? detached(rec, cmd, result) : result;
    }
    switch (cmd) {
    case SSC_CTRL_SET_SESS_CACHE_MODE:
        return set_mode(rec, larg);
    case SSC_CTRL_SET_SESS_CACHE_SIZE:
        return set_size(rec, larg);
    case SSC_CTRL_SESS_NUMBER:
        return (long)ssc_cache_number(rec);
    case SSC_CTRL_SESS_CB_HIT:
        return atomic_load(&rec->cb_hits);
    case SSC_CTRL_SESS_MISSES: /* libssl counts those of clients */
        return atomic_load(&rec->misses) + real->SSL_CTX_ctrl(ctx, cmd, larg, parg);
    case SSC_CTRL_SESS_CACHE_FULL:
        ssc_drop_settle(rec);
        return atomic_load(&rec->cache_full);
    default:
        return real->SSL_CTX_ctrl(ctx, cmd, larg, parg);
    }
}

SSC_EXPORT long SSL_CTX_set_session_cache_mode(SSL_CTX *ctx, long mode)
{
    SSC_PASS_FOREIGN(SSL_CTX_ctrl, ctx, SSC_CTRL_SET_SESS_CACHE_MODE, mode, NULL);
    return SSL_CTX_ctrl(ctx, SSC_CTRL_SET_SESS_CACHE_MODE, mode, NULL);
}

SSC_EXPORT long SSL_CTX_get_session_cache_mode(SSL_CTX *ctx)
{
    SSC_PASS_FOREIGN(SSL_CTX_ctrl, ctx, SSC_CTRL_GET_SESS_CACHE_MODE, 0, NULL);
    return SSL_CTX_ctrl(ctx, SSC_CTRL_GET_SESS_CACHE_MODE, 0, NULL);
}
