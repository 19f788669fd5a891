#include "notes.h"

#include "process.h"
#include "ssc.h"

/* Looks at a thread that writes a note, which takes some ten instructions. */
#define MAX_SPINS 100
/* For fewer sessions than these it is not worth while to note them. */
#define MIN_ROOM 8
/* When so many more wait than are due, it is tried again. */
#define DUE_AGAIN 16

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

/* Half of the room is left while a thread is at them. If it is slow, another comes. */
static bool due(uint32_t pending, uint32_t most)
{
    return pending >= most / 2 && (pending - most / 2) % DUE_AGAIN == 0;
}

enum ssc_noted ssc_notes_retire(struct ssc_index *index, const struct ssc_index_item *item,
                                bool expired)
{
    struct ssc_index_notes *const notes = ACQUIRE(&index->notes);
    const unsigned lane = ssc_lane();
    struct ssc_index_ring *const ring = &index->retired[lane];
    enum ssc_noted noted = SSC_NOTED_NOT;

    if (notes == NULL || !lock(&ring->writing))
        return SSC_NOTED_NOT;
    const uint32_t tail = LOAD(&ring->tail), i = tail % SSC_INDEX_RETIRED;
    const uint32_t pending = tail - ACQUIRE(&ring->head);
    if (pending < SSC_INDEX_RETIRED) {
        notes->retired[lane][i].ref = item->ref;
        notes->retired[lane][i].number = item->number;
        notes->retired[lane][i].expired = expired;
        if (ssc_unlikely((LOAD(&index->retiring) & 1u << lane) == 0))
            atomic_fetch_or(&index->retiring, 1u << lane);
        RELEASE(&ring->tail, tail + 1);
        noted = due(pending + 1, SSC_INDEX_RETIRED) ? SSC_NOTED_DUE : SSC_NOTED;
    }
    RELEASE(&ring->writing, 0);
    return noted;
}

/* How many notes may wait for the core at a time. */
static uint32_t room(const struct ssc_index *index, bool late)
{
    const uint64_t capacity = LOAD(&index->capacity), used = LOAD(&index->used);
    const uint64_t most = capacity > used ? capacity - used : 0;

    if (capacity == 0 || most >= SSC_INDEX_ADDED)
        return SSC_INDEX_ADDED;
    return late ? SSC_NOTES_LATE : (uint32_t)most;
}

static void write_note(struct ssc_index_noted *at, const struct ssc_index_key *key,
                       const struct ssc_note *note)
{
    for (int i = 0; i < 4; i++)
        STORE(&at->id[i], key->id[i]);
    STORE(&at->kind, key->kind);
    STORE(&at->ref, note->ref);
    STORE(&at->object, note->object);
    STORE(&at->expiry, note->expiry);
}

enum ssc_noted ssc_notes_add(struct ssc_index *index, const struct ssc_index_key *key,
                             const struct ssc_note *note)
{
    enum ssc_noted noted = SSC_NOTED_NOT;
    struct ssc_index_notes *const notes = ACQUIRE(&index->notes);
    struct ssc_index_item looked;

    if (notes == NULL || ssc_index_find(index, key, &looked) != SSC_INDEX_ABSENT ||
        ACQUIRE(&index->space) != NULL || !lock(&index->adding))
        return SSC_NOTED_NOT;
    _Atomic uint32_t *const mark = &notes->mark[key->hash % SSC_INDEX_MARKS];
    const uint32_t tail = LOAD(&index->added_tail), pending = tail - looked.head;
    const uint32_t most = room(index, note->late);
    /* Since it was looked for the key may have been noted, or taken into the table. */
    if (ACQUIRE(&index->added_head) == looked.head && LOAD(mark) == looked.mark && pending < most &&
        most >= MIN_ROOM) {
        struct ssc_index_noted *at = &notes->added[tail % SSC_INDEX_ADDED];
        STORE(&at->before, looked.mark);
        write_note(at, key, note);
        RELEASE(&index->added_tail, tail + 1);
        /* After that, so that who finds it can have the core take it. */
        RELEASE(mark, tail + 1);
        noted = due(pending + 1, most) ? SSC_NOTED_DUE : SSC_NOTED;
    }
    RELEASE(&index->adding, 0);
    return noted;
}
