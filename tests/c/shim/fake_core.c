#include "fake_core.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"
#include "signals.h"
#include "sscore.h"

#define ENTRIES 64

/* One table is enough here: contexts share it, and tests use one at a time. */
static struct entry {
    sscore_key key;
    sscore_ref ref;
    uint64_t object;
    int64_t expiry;
} entries[ENTRIES];
static unsigned count;
static uint64_t limit;
static int calls, starts;
static void (*other_thread)(void);
static sscore_ref owed;

/* An index in which a split never ends: it is sure of nothing, so the core is asked everything. */
static struct ssc_index_line line[SSC_INDEX_FIRST];
static struct ssc_index_entry shown[SSC_INDEX_FIRST];
static struct ssc_index seen = {
    .lines = 1, .splits = 1, .line_chunks = {line}, .entry_chunks = {shown}, .earliest = INT64_MIN};

int crossings(void)
{
    const int n = calls;

    calls = 0;
    return n;
}

int core_starts(void)
{
    return starts;
}

/* The section that scripts/go-core.sh makes of the Go runtime's initialiser. */
static void started(int argc, char **argv, char **envp)
{
    (void)argc, (void)argv, (void)envp;
    starts++;
}
#define NAMED(sig) [sig] = {.name = #sig ":", .name_len = sizeof #sig ":"}
struct ssc_go_signal ssc_go_signals[NSIG] = {NAMED(SIGHUP), NAMED(SIGSEGV), NAMED(SIGCHLD),
                                             NAMED(SIGPROF)};

__attribute__((section("ssc_go_init"), used)) static void (*const initialiser)(int, char **,
                                                                               char **) = started;

static struct entry *find(const sscore_key *key)
{
    for (unsigned i = 0; i < count; i++) {
        if (entries[i].key.id_len == key->id_len && entries[i].key.version == key->version &&
            memcmp(entries[i].key.id, key->id, key->id_len) == 0)
            return &entries[i];
    }
    return NULL;
}

static sscore_ref take(struct entry *e)
{
    const sscore_ref ref = e->ref;

    count--;
    memmove(e, e + 1, (size_t)(&entries[count] - e) * sizeof *e);
    return ref;
}

int32_t sscore_init(sscore_setup *setup)
{
    return setup->process != NULL;
}

void sscore_set_keys(uint8_t *keys, uint32_t len)
{
    (void)keys, (void)len;
    calls++;
}

uint32_t sscore_table_identify(sscore_table table, sscore_identity *identity)
{
    (void)table, (void)identity;
    calls++;
    return 0;
}

void sscore_threads(uint32_t threads)
{
    (void)threads;
}

sscore_table sscore_table_new(uint64_t capacity)
{
    calls++;
    count = 0;
    limit = capacity;
    return 1;
}

struct ssc_index *sscore_table_index(sscore_table table)
{
    (void)table;
    calls++;
    return &seen;
}

void show_last(void)
{
    const struct entry *e = &entries[count - 1];
    struct ssc_index_key key = {.key = e->key};

    ssc_index_hash(&seen, &key);
    memcpy(&shown[1], &key.key, sizeof key.key);
    shown[1].ref = e->ref;
    shown[1].sequence = 1;
    line[0].word[0] = (uint64_t)key.hash << 32 | 1;
    seen.splits = 0;
}

void before_removal(void (*other)(void))
{
    other_thread = other;
}

void evict_all(void)
{
    count = 0;
}

void owe_last(void)
{
    owed = take(&entries[count - 1]);
    seen.owed = 1;
}

void sscore_table_free(sscore_table table)
{
    (void)table;
    calls++;
}

void sscore_set_capacity(sscore_table table, uint64_t capacity)
{
    (void)table;
    calls++;
    limit = capacity;
}

int32_t sscore_lookup(sscore_table table, sscore_key *key, int64_t now, sscore_query *query)
{
    const struct entry *e = find(key);

    (void)table;
    calls++;
    query->revoked = 0;
    if (e == NULL)
        return SSCORE_MISS;
    query->ref = e->ref;
    return now > e->expiry ? SSCORE_STALE : SSCORE_HIT;
}

int32_t sscore_contains(sscore_table table, sscore_key *key, int64_t now, uint32_t caches)
{
    (void)table, (void)now, (void)caches;
    calls++;
    return find(key) != NULL;
}

int32_t sscore_add(sscore_table table, sscore_key *key, sscore_ref ref, uint64_t object,
                   int64_t now, int64_t expiry, sscore_record *record, sscore_displaced *displaced)
{
    struct entry *e = find(key);
    const struct entry new = {.key = *key, .ref = ref, .object = object, .expiry = expiry};
    int32_t result = SSCORE_ADDED;

    (void)table, (void)now, (void)record;
    calls++;
    memset(displaced, 0, sizeof *displaced);
    if (e != NULL && e->object == object)
        return SSCORE_SAME;
    if (e != NULL) {
        displaced->replaced = take(e);
        result = SSCORE_REPLACED;
    }
    while (limit > 0 && count >= limit && displaced->evicted_len < SSCORE_EVICT_MAX)
        displaced->evicted[displaced->evicted_len++] = take(&entries[0]);
    if (count == ENTRIES)
        return SSCORE_FAILED;
    entries[count++] = new;
    return result;
}

void sscore_share(sscore_table table, sscore_key *key, int64_t now, int64_t expiry,
                  sscore_record *record)
{
    (void)table, (void)key, (void)now, (void)expiry, (void)record;
    calls++;
}

int32_t sscore_settle(sscore_table table)
{
    (void)table;
    calls++;
    return 0;
}

void sscore_evict(sscore_table table, sscore_displaced *displaced)
{
    (void)table;
    calls++;
    memset(displaced, 0, sizeof *displaced);
    displaced->replaced = owed;
    owed = 0;
    seen.owed = 0;
}

int32_t sscore_remove(sscore_table table, sscore_key *key, uint64_t object, int64_t now,
                      int64_t expiry, uint32_t caches, sscore_ref *ref)
{
    void (*const other)(void) = other_thread;

    (void)table, (void)now, (void)expiry, (void)caches;
    calls++;
    other_thread = NULL;
    if (other != NULL)
        other();
    struct entry *e = find(key);
    *ref = 0;
    if (e == NULL || (object != 0 && e->object != object))
        return 0;
    *ref = take(e);
    return 1;
}

void sscore_touch(sscore_key *key, uint64_t object, int64_t expiry)
{
    struct entry *e = find(key);

    calls++;
    if (e != NULL && e->object == object)
        e->expiry = expiry;
}

uint64_t sscore_len(sscore_table table)
{
    (void)table;
    calls++;
    return count;
}

int32_t sscore_stats(sscore_table table, sscore_counters *counters)
{
    (void)table;
    calls++;
    memset(counters, 0, sizeof *counters);
    return 1;
}

/* A walk: how many are left to give, and whether they are taken out. */
struct walk {
    unsigned left, next;
    bool taking;
};

static void *walk(bool taking)
{
    struct walk *w = calloc(1, sizeof *w);

    calls++;
    if (w != NULL) {
        w->left = count;
        w->taking = taking;
    }
    return w;
}

void *sscore_flush(sscore_table table, int64_t tm, int32_t all, int64_t now, uint32_t caches)
{
    (void)table, (void)tm, (void)now, (void)caches;
    return walk(all != 0);
}

void *sscore_snapshot(sscore_table table)
{
    (void)table;
    return walk(false);
}

uint32_t sscore_next(void *cursor, sscore_ref *refs, uint32_t len)
{
    struct walk *w = cursor;
    uint32_t n = 0;

    calls++;
    for (; n < len && w->left > 0 && count > 0; w->left--)
        refs[n++] = w->taking ? take(&entries[0]) : entries[w->next++].ref;
    return n;
}

void sscore_done(void *cursor)
{
    calls++;
    free(cursor);
}
