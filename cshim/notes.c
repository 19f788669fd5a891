#include "notes.h"

#include "ssc.h"

/* Looks at a thread that writes a note, which takes some ten instructions. */
#define MAX_SPINS 100
/* After so many notes the core is due, so that there is room while it is at them. */
#define DUE (SSC_INDEX_ADDED / 2)

#define LOAD(p) atomic_load_explicit(p, memory_order_relaxed)
#define STORE(p, value) atomic_store_explicit(p, value, memory_order_relaxed)
#define ACQUIRE(p) atomic_load_explicit(p, memory_order_acquire)
#define RELEASE(p, value) atomic_store_explicit(p, value, memory_order_release)

/* One thread writes notes at a time. False: the one that does was stopped, perhaps. */
static bool lock(_Atomic uint32_t *word)
{
    for (int i = 0; atomic_exchange_explicit(word, 1, memory_order_acquire) != 0; i++) {
        while (LOAD(word) != 0) {
            if (++i >= MAX_SPINS)
                return false;
        }
    }
    return true;
}

bool ssc_notes_retire(struct ssc_index *index, const struct ssc_index_item *item, bool expired)
{
    bool noted = false;

    if (!lock(&index->retiring))
        return false;
    const uint32_t tail = LOAD(&index->retired_tail);
    if (tail - ACQUIRE(&index->retired_head) < SSC_INDEX_RETIRED) {
        index->retired[tail % SSC_INDEX_RETIRED].ref = item->ref;
        index->retired[tail % SSC_INDEX_RETIRED].number = item->number;
        index->retired[tail % SSC_INDEX_RETIRED].expired = expired;
        RELEASE(&index->retired_tail, tail + 1);
        noted = true;
    }
    RELEASE(&index->retiring, 0);
    return noted;
}

/* Has the key been noted since it was looked for? Or taken into the table, for all we know? */
static bool came(const struct ssc_index *index, const struct ssc_index_key *key,
                 const struct ssc_index_item *looked, uint32_t tail)
{
    const struct ssc_index_noted *added = LOAD(&index->added);

    if (ACQUIRE(&index->added_head) != looked->first)
        return true;
    for (uint32_t n = looked->last; n != tail; n++) {
        if (LOAD(&added[n % SSC_INDEX_ADDED].hash) == key->hash)
            return true;
    }
    return false;
}

/* Is there room in the table beside `pending` that it does not yet have? */
static bool fits(const struct ssc_index *index, uint32_t pending)
{
    const uint64_t capacity = LOAD(&index->capacity);

    return capacity == 0 || (uint64_t)LOAD(&index->used) + pending < capacity;
}

enum ssc_noted ssc_notes_add(struct ssc_index *index, const struct ssc_index_key *key,
                             const struct ssc_note *note)
{
    enum ssc_noted noted = SSC_NOTED_NOT;
    struct ssc_index_noted *const added = ACQUIRE(&index->added);
    struct ssc_index_item looked;

    if (added == NULL || ssc_index_find(index, key, &looked) != SSC_INDEX_ABSENT ||
        ACQUIRE(&index->space) != NULL || !lock(&index->adding))
        return SSC_NOTED_NOT;
    const uint32_t tail = LOAD(&index->added_tail);
    const uint32_t pending = tail - looked.first;
    if (!came(index, key, &looked, tail) && pending < SSC_INDEX_ADDED &&
        (note->late || fits(index, pending))) {
        struct ssc_index_noted *at = &added[tail % SSC_INDEX_ADDED];
        for (int i = 0; i < 4; i++)
            STORE(&at->id[i], key->id[i]);
        STORE(&at->kind, key->kind);
        STORE(&at->hash, key->hash);
        STORE(&at->ref, note->ref);
        STORE(&at->object, note->object);
        STORE(&at->expiry, note->expiry);
        RELEASE(&index->added_tail, tail + 1);
        noted = pending + 1 == DUE ? SSC_NOTED_DUE : SSC_NOTED;
    }
    RELEASE(&index->adding, 0);
    return noted;
}
