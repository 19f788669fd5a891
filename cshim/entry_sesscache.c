/* Entry points: the library's own functions, and its load. */
#include <string.h>

#include "config.h"
#include "drop.h"
#include "entry_signal.h"
#include "libssl.h"
#include "log.h"
#include "process.h"
#include "runtime.h"

SSC_EXPORT const char *sesscache_version(void)
{
    return SSC_VERSION;
}

SSC_EXPORT int sesscache_attached(SSL_CTX *ctx)
{
    if (ssc_libssl_foreign(__builtin_return_address(0), false) != NULL)
        return 0;
    return ssc_ctx_settings(ctx) != NULL && !ssc_runtime_unavailable();
}

SSC_EXPORT int sesscache_ctx_share(SSL_CTX *dst, SSL_CTX *src)
{
    if (ssc_libssl_foreign(__builtin_return_address(0), false) != NULL)
        return 0;
    struct ssc_ctx *to = dst != NULL ? ssc_ctx_attach(dst) : NULL;
    struct ssc_ctx *from = src != NULL ? ssc_ctx_attach(src) : NULL;
    if (to == NULL || from == NULL)
        return 0;
    ssc_drop_settle(from);
    return ssc_ctx_share(to, from);
}

SSC_EXPORT int sesscache_ctx_stats(SSL_CTX *ctx, sesscache_stats *stats, size_t size)
{
    sscore_counters counters = {0};
    struct ssc_ctx *rec;

    if (ssc_libssl_foreign(__builtin_return_address(0), false) != NULL)
        return 0;
    rec = ssc_ctx_of(ctx);
    if (rec == NULL || stats == NULL || size == 0)
        return 0;
    const sscore_table table = ssc_ctx_core(rec);
    ssc_drop_settle(rec);
    if (table != 0 && !sscore_stats(table, &counters))
        return 0;
    sesscache_stats all = {
        .lookups = counters.lookups,
        .hits = counters.hits,
        .misses = counters.misses,
        .adds = counters.adds,
        .replaced = counters.replaced,
        .evicted = counters.evicted,
        .expired = counters.expired,
        .removed = counters.removed,
        .flushed = counters.flushed,
        .entries = counters.entries,
        .shared_hits = counters.shared_hits,
        .stored_hits = counters.stored_hits,
    };
    /* A caller of a later version may have fields we do not know. */
    if (size > sizeof all) {
        memset((char *)stats + sizeof all, 0, size - sizeof all);
        size = sizeof all;
    }
    memcpy(stats, &all, size);
    return 1;
}

/*
 * Runs when the library is loaded. It only reads: no thread, no allocation in
 * OpenSSL (a program may still set its allocator), no Go.
 */
__attribute__((constructor)) static void loaded(void)
{
    ssc_entry_signal_load();
    ssc_log_init();
    ssc_config_load();
    ssc_process_load();
    ssc_libssl_warn_order();
}
