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

/* Half of the usual room is left while a thread is at them. If it is slow, another comes. */
static bool due(uint32_t pending, uint32_t usual)
{
    return pending >= usual / 2 && (pending - usual / 2) % DUE_AGAIN == 0;
}

/*
 * Is there room for one more note of a ring, of which `pending` wait? If so, the next
 * number has a place: see ssc_index_place. The caller is the thread that is at the ring.
 */
static bool have_room(const struct ssc_index *index, struct ssc_index_ring *ring, uint32_t pending,
                      uint32_t usual)
{
    uint32_t spilled = LOAD(&ring->spilled);

    if (ssc_unlikely(spilled > 0 && pending == 0)) {
        spilled = 0;
        STORE(&ring->spilled, 0);
    }
    if (ssc_likely(spilled == 0 && pending < usual))
        return true;
    if (spilled == SSC_INDEX_SPILLED || ACQUIRE(&index->spill) == NULL)
        return false;
    if (spilled == 0)
        STORE(&ring->spill_from, LOAD(&ring->tail));
    RELEASE(&ring->spilled, spilled + 1);
    return true;
}

static struct ssc_index_retired *retired_at(const struct ssc_index *index,
                                            struct ssc_index_notes *notes, unsigned lane,
                                            uint32_t number)
{
    const uint32_t place = ssc_index_place(&index->retired[lane], number, SSC_INDEX_RETIRED);

    return place < SSC_INDEX_RETIRED
               ? &notes->retired[lane][place]
               : &LOAD(&index->spill)->retired[lane][place - SSC_INDEX_RETIRED];
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
    const uint32_t tail = LOAD(&ring->tail);
    const uint32_t pending = tail - ACQUIRE(&ring->head);
    if (have_room(index, ring, pending, SSC_INDEX_RETIRED)) {
        *retired_at(index, notes, lane, tail) =
            (struct ssc_index_retired){item->ref, item->number, expired};
        if (ssc_unlikely((LOAD(&index->retiring) & 1u << lane) == 0))
            atomic_fetch_or(&index->retiring, 1u << lane);
        RELEASE(&ring->tail, tail + 1);
        noted = due(pending + 1, SSC_INDEX_RETIRED) ? SSC_NOTED_DUE : SSC_NOTED;
    }
    RELEASE(&ring->writing, 0);
    /* After that, for without a note the core has to find it. */
    if (noted != SSC_NOTED_NOT)
        ssc_index_leave(index, item);
    return noted;
}

/* How many notes of what is added may wait for the core at a time. */
static uint64_t room(const struct ssc_index *index, bool late)
{
    const uint64_t capacity = LOAD(&index->capacity), used = LOAD(&index->used);
    const uint64_t most = capacity > used ? capacity - used : 0;

    if (capacity == 0)
        return UINT64_MAX;
    return late && most < SSC_INDEX_ADDED ? SSC_NOTES_LATE : most;
}

static uint32_t usual_of(uint64_t most)
{
    return most < SSC_INDEX_ADDED ? (uint32_t)most : SSC_INDEX_ADDED;
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
    struct ssc_index_ring *const ring = &index->added;
    struct ssc_index_item looked;

    if (notes == NULL || ssc_index_find(index, key, &looked) != SSC_INDEX_ABSENT ||
        ACQUIRE(&index->space) != NULL || !lock(&ring->writing))
        return SSC_NOTED_NOT;
    _Atomic uint32_t *const mark = &notes->mark[key->hash % SSC_INDEX_MARKS];
    const uint32_t tail = LOAD(&ring->tail), pending = tail - looked.head;
    const uint64_t most = room(index, note->late);
    /* Since it was looked for the key may have been noted, or taken into the table. */
    if (ACQUIRE(&ring->head) == looked.head && LOAD(mark) == looked.mark && pending < most &&
        most >= MIN_ROOM && have_room(index, ring, pending, SSC_INDEX_ADDED)) {
        struct ssc_index_noted *at = ssc_index_added(index, notes, tail);
        if (pending == 0 || note->expiry < LOAD(&ring->earliest))
            RELEASE(&ring->earliest, note->expiry);
        STORE(&at->before, looked.mark);
        write_note(at, key, note);
        RELEASE(&ring->tail, tail + 1);
        /* After that, so that who finds it can have the core take it. */
        RELEASE(mark, tail + 1);
        noted = due(pending + 1, usual_of(most)) ? SSC_NOTED_DUE : SSC_NOTED;
    }
    RELEASE(&ring->writing, 0);
    return noted;
}

enum ssc_noted ssc_notes_withdraw(struct ssc_index *index, const struct ssc_index_item *item,
                                  uint64_t object, bool expired)
{
    struct ssc_index_notes *const notes = ACQUIRE(&index->notes);
    struct ssc_index_ring *const ring = &index->added;
    enum ssc_noted noted = SSC_NOTED_NOT;
    const uint64_t gone = object | SSC_INDEX_WITHDRAWN | (expired ? SSC_INDEX_EXPIRED : 0);

    if (!lock(&ring->writing))
        return SSC_NOTED_NOT;
    /* Before the core can take the note: either it sees this, or we see that it does. */
    atomic_fetch_add(&ring->withdrawn, 1);
    const uint32_t taking = atomic_load(&ring->taking);
    if (item->note - taking < LOAD(&ring->tail) - taking) {
        struct ssc_index_noted *at = ssc_index_added(index, notes, item->note);
        if (atomic_compare_exchange_strong(&at->object, &object, gone)) {
            STORE(&at->kind, LOAD(&at->kind) | SSC_INDEX_NO_KEY);
            noted = SSC_NOTED;
        }
    }
    RELEASE(&ring->writing, 0);
    return noted;
}

int64_t ssc_notes_earliest(const struct ssc_index *index)
{
    /* The notes first: what the core takes meanwhile is among those that it knows then. */
    const int64_t noted =
        ssc_notes_added(index) > 0 ? ACQUIRE(&index->added.earliest) : SSCORE_NEVER;
    const int64_t known = ACQUIRE(&index->earliest);

    return noted < known ? noted : known;
}
