#include "autoclear.h"

#include <time.h>

#include "cache.h"
#include "config.h"

static bool wanted(long mode, bool server)
{
    const long bit = server ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_CLIENT;

    return (ssc_config()->takeover && server) ||
           ((mode & SSL_SESS_CACHE_NO_AUTO_CLEAR) == 0 && (mode & bit) != 0);
}

/* How many automatic flushes would have been done by now. */
static long rounds(const struct ssc_ctx *rec, bool server, long under_way)
{
    const int counted = server ? SSC_CTRL_SESS_ACCEPT_GOOD : SSC_CTRL_SESS_CONNECT_GOOD;

    return (ssc_libssl()->SSL_CTX_ctrl(rec->ctx, counted, 0, NULL) + under_way) >> 8;
}

void ssc_autoclear(struct ssc_ctx *rec, bool server, long under_way)
{
    if (!wanted(atomic_load_explicit(&rec->mode, memory_order_relaxed), server))
        return;
    const long due = rounds(rec, server, under_way);
    if (atomic_load_explicit(&rec->clears[server], memory_order_relaxed) < due &&
        atomic_exchange(&rec->clears[server], due) < due)
        ssc_cache_flush(rec, (int64_t)time(NULL), false, 0);
}

void ssc_autoclear_mode_set(struct ssc_ctx *rec, long before)
{
    for (int server = 0; server <= 1; server++) {
        if (!wanted(before, server))
            atomic_store(&rec->clears[server], rounds(rec, server, 0));
    }
}
