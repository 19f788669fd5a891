#include "table.h"

#include <stdlib.h>

#include "caller.h"
#include "libssl.h"
#include "region.h"
#include "runtime.h"

static _Atomic uint32_t tables_made;

struct ssc_table *ssc_table_new(void)
{
    struct ssc_table *table = calloc(1, sizeof *table);

    if (table == NULL)
        return NULL;
    pthread_mutex_init(&table->lock, NULL);
    table->by_worker = ssc_region_inherited();
    table->number = atomic_fetch_add(&tables_made, 1) + 1;
    atomic_init(&table->users, 1);
    return table;
}

void ssc_table_free(struct ssc_table *table)
{
    if (table == NULL)
        return;
    const sscore_table core = atomic_load(&table->core);
    if (core != 0 && ssc_runtime_running())
        sscore_table_free(core);
    if (table->certificate != NULL)
        ssc_libssl()->X509_free(table->certificate);
    pthread_mutex_destroy(&table->lock);
    free(table);
}

sscore_table ssc_table_core(struct ssc_table *table, uint64_t capacity)
{
    sscore_table core = atomic_load_explicit(&table->core, memory_order_acquire);

    ssc_caller_enter();
    if (ssc_likely(core != 0))
        return core;
    pthread_mutex_lock(&table->lock);
    if ((core = atomic_load(&table->core)) == 0) {
        core = sscore_table_new(capacity);
        table->index = core != 0 ? sscore_table_index(core) : NULL;
        atomic_store(&table->core, core);
    }
    pthread_mutex_unlock(&table->lock);
    return core;
}
