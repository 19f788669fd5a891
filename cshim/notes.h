/*
 * notes.h: sessions that the shim adds to a table and takes out of it without a
 * crossing. It leaves a note, in a ring beside the index (one for what is added, one
 * for what each lane of threads takes out), which the core finds when it is called
 * next: whatever is asked of the core then, it has done what was noted before. Until
 * then ssc_index_find looks through the notes too. There are few of them, unless the
 * thread that has the table's lock stands still: then they spill (ssc_index_ring).
 *
 * Any thread; nothing here waits for another for longer than some instructions.
 */
#ifndef SSC_NOTES_H
#define SSC_NOTES_H

#include "index.h"

/* How far above its size a table may be for the notes of what was added `late`. */
#define SSC_NOTES_LATE 32u

/* A session as it is added: what sscore_add is told. */
struct ssc_note {
    sscore_ref ref;
    uint64_t object;
    int64_t expiry;
    bool late; /* the table may have SSC_NOTES_LATE sessions above its size for some time */
};

enum ssc_noted {
    SSC_NOTED_NOT, /* the core has to be called: sscore_add, sscore_remove */
    SSC_NOTED,
    SSC_NOTED_DUE, /* and there are so many notes that the core should be called soon */
};

/*
 * ssc_notes_add notes that a session is stored. It does not if the table or the
 * notes have the key, or may have; if the table is full or nearly, but for `late`;
 * if other processes may have its sessions; or if there is no room for the note. A
 * key that another thread adds to the core at the same time is the core's to sort
 * out.
 */
enum ssc_noted ssc_notes_add(struct ssc_index *index, const struct ssc_index_key *key,
                             const struct ssc_note *note);

/*
 * ssc_notes_retire notes that the caller has closed the slot of a session that
 * is in the table: from then on it is not found, and its key may be noted again.
 * It does not if there is no room for the note.
 */
enum ssc_noted ssc_notes_retire(struct ssc_index *index, const struct ssc_index_item *item,
                                bool expired);

/*
 * ssc_notes_withdraw is that for a session which is among the added: `object` is what
 * was noted with it. It does nothing if the core is taking that note, or has taken it.
 */
enum ssc_noted ssc_notes_withdraw(struct ssc_index *index, const struct ssc_index_item *item,
                                  uint64_t object, bool expired);

/* ssc_notes_added is how many sessions have been added of which the core does not know. */
static inline uint32_t ssc_notes_added(const struct ssc_index *index)
{
    return atomic_load_explicit(&index->added.tail, memory_order_acquire) -
           atomic_load_explicit(&index->added.head, memory_order_acquire);
}

/*
 * ssc_notes_earliest is a time before which no session expires, of those that the core
 * knows and of those that it does not; some may have been removed meanwhile.
 */
int64_t ssc_notes_earliest(const struct ssc_index *index);

/*
 * ssc_notes_settle is true if the caller is to have the core do what is due: no
 * other thread is at it. It calls ssc_notes_settled when that is done.
 */
static inline bool ssc_notes_settle(struct ssc_index *index)
{
    return atomic_exchange_explicit(&index->settling, 1, memory_order_acquire) == 0;
}

static inline void ssc_notes_settled(struct ssc_index *index)
{
    atomic_store_explicit(&index->settling, 0, memory_order_release);
}

#endif
