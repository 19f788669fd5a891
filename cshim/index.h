/*
 * index.h: lookups in a table of the Go core without a crossing. Go alone
 * writes the table, but for one bit (SSC_INDEX_GONE), and publishes it in memory
 * outside its heap; the shim reads it without a lock while it changes.
 *
 * The structures are Head, Line and Entry of gocore/cache (head.go);
 * capi/index.go does not compile if they differ.
 */
#ifndef SSC_INDEX_H
#define SSC_INDEX_H

#include <stdatomic.h>
#include <stdbool.h>

#include "sscore.h"

/* Chunk 0 of an array has 16 items, each other one as many as all before it. */
#define SSC_INDEX_FIRST 16u
#define SSC_INDEX_CHUNKS 29

/* Items whose hashes have the same low bits. A word: hash (32 bits) and number of an entry, or 0. */
#define SSC_INDEX_WORDS 7
struct ssc_index_line {
    _Alignas(64) _Atomic uint64_t word[SSC_INDEX_WORDS];
    _Atomic uint64_t more; /* number of the overflow line that goes on, or 0 */
};

struct ssc_index_entry {
    _Atomic uint64_t id[4];
    _Atomic uint32_t kind;  /* version (16 bits), length of the ID (8 bits) */
    _Atomic uint32_t stamp; /* see SSC_INDEX_ALONE */
    _Atomic uint64_t ref;
    _Atomic uint64_t object;
    _Atomic uint64_t sequence; /* another one after each change; 0: it is free or changes now */
};
#define SSC_INDEX_ALONE (UINT32_C(1) << 31) /* no part of the stamp */
/* In a sequence, the only thing here that the shim writes: it has taken the session out. */
#define SSC_INDEX_GONE (UINT64_C(1) << 63)

/*
 * Notes of a kind, and so many more for the time in which nobody takes them; tests
 * have fewer.
 */
#ifndef SSC_INDEX_ADDED
#define SSC_INDEX_ADDED 128
#define SSC_INDEX_RETIRED 128
#define SSC_INDEX_SPILLED 8192
#define SSC_INDEX_MARKS 512
#endif

/* A session that was added, as long as it is not yet in the table. */
struct ssc_index_noted {
    _Atomic uint64_t id[4];
    _Atomic uint32_t kind;
    _Atomic uint32_t before; /* what its mark was before it was noted */
    _Atomic uint64_t ref;
    _Atomic uint64_t object; /* see SSC_INDEX_WITHDRAWN */
    _Atomic int64_t expiry;
};
/*
 * What the shim has taken out again before the core knew of it: in the object, and in
 * the kind, so that it is no key's. An object of 0 is one that the core has taken.
 */
#define SSC_INDEX_WITHDRAWN (UINT64_C(1) << 63)
#define SSC_INDEX_EXPIRED (UINT64_C(1) << 62) /* it had expired */
#define SSC_INDEX_NO_KEY (UINT32_C(1) << 31)

/* A session that was taken out, as long as its entry is in the table. */
struct ssc_index_retired {
    uint64_t ref;
    uint32_t number, expired;
};

/* Written by the shim: see notes.h. */
struct ssc_index_notes {
    /*
     * By the low bits of the hash, which note there is: one more than its number
     * was the last with them; 0: there was none.
     */
    _Atomic uint32_t mark[SSC_INDEX_MARKS];
    struct ssc_index_noted added[SSC_INDEX_ADDED];
    struct ssc_index_retired retired[SSC_LANES][SSC_INDEX_RETIRED];
};
struct ssc_index_spill {
    struct ssc_index_noted added[SSC_INDEX_SPILLED];
    struct ssc_index_retired retired[SSC_LANES][SSC_INDEX_SPILLED];
};

/*
 * Where the notes of what was added, or of what one lane has retired, begin and end.
 * There is no more room than is mostly needed, so that it stays in the processor's
 * caches. When that is full the next notes are in the spill, one after the other,
 * until all have been taken.
 */
struct ssc_index_ring {
    _Alignas(64) _Atomic uint32_t tail;
    _Atomic uint32_t head;       /* written by Go */
    _Atomic uint32_t writing;    /* a thread is at it */
    _Atomic uint32_t spilled;    /* how many notes are in the spill */
    _Atomic uint32_t spill_from; /* the number of the first of them */
    _Atomic uint32_t withdrawn;  /* how often the shim has taken out what was noted */
    _Atomic uint32_t taking;     /* written by Go: before this one it takes them as they are */
    uint32_t unused;
    _Atomic int64_t earliest; /* no note that waits here expires before; of the added only */
    uint64_t unused_too[3];
};

struct ssc_index {
    uint64_t seeds[5];
    _Atomic uint32_t lines;
    _Atomic uint32_t splits;                 /* odd while items move from line to line */
    _Atomic(const _Atomic uint32_t *) space; /* NULL: other processes do not have the sessions */
    const _Atomic uint32_t *stamps;          /* set before space, once */
    uint32_t stamp_mask;
    _Atomic uint32_t retiring; /* written by the shim: a bit for each lane that has retired any */
    _Atomic(struct ssc_index_line *) line_chunks[SSC_INDEX_CHUNKS];
    _Atomic(struct ssc_index_line *) overflow_chunks[SSC_INDEX_CHUNKS];
    _Atomic(struct ssc_index_entry *) entry_chunks[SSC_INDEX_CHUNKS];
    _Atomic int64_t earliest;  /* the least expiry; SSCORE_NEVER: there is none */
    _Atomic uint64_t capacity; /* 0: no limit */
    _Atomic uint32_t used;     /* sessions stored */
    _Atomic uint32_t settling; /* written by the shim: a thread is at the notes that are due */
    _Atomic(struct ssc_index_notes *) notes; /* NULL: nothing can be noted */
    _Atomic uint32_t owed; /* references displaced that sscore_evict has yet to hand out */
    _Atomic(struct ssc_index_spill *) spill; /* NULL: there is none */

    /* written by the shim */
    struct {
        _Alignas(64) _Atomic uint64_t hits; /* lookups that it has answered */
        _Atomic uint64_t misses;
    } lane[SSC_LANES];
    struct ssc_index_ring retired[SSC_LANES];
    struct ssc_index_ring added;
};

/* A key, as the core is told it and in words, with its hash in one table. */
struct ssc_index_key {
    union {
        sscore_key key;
        struct {
            uint64_t id[4];
            uint32_t kind;
            uint32_t hash; /* from ssc_index_hash */
        };
    };
};

/* What a table has for a key, or that it has nothing. */
struct ssc_index_item {
    sscore_ref ref;
    uint64_t sequence;   /* of the entry */
    uint32_t number;     /* of the entry; 0: it is among the added */
    uint32_t note;       /* the number there */
    uint32_t head, mark; /* of the ring of the added, and the key's, when that was looked at */
};

enum ssc_index_answer {
    SSC_INDEX_ABSENT, /* the table does not have the key */
    SSC_INDEX_FOUND,  /* it has: *item */
    SSC_INDEX_UNSURE, /* it was changed meanwhile, or the session removed elsewhere: ask the core */
};

/*
 * ssc_index_place is where note `number` of a ring is: below `usual` there, else so
 * far behind in the spill. ssc_index_added is that of the added.
 */
static inline uint32_t ssc_index_place(const struct ssc_index_ring *ring, uint32_t number,
                                       uint32_t usual)
{
    const uint32_t spilled = atomic_load_explicit(&ring->spilled, memory_order_acquire);
    const uint32_t beyond = number - atomic_load_explicit(&ring->spill_from, memory_order_relaxed);

    return beyond < spilled ? usual + beyond : number % usual;
}

static inline struct ssc_index_noted *
ssc_index_added(const struct ssc_index *index, struct ssc_index_notes *notes, uint32_t number)
{
    const uint32_t place = ssc_index_place(&index->added, number, SSC_INDEX_ADDED);

    if (place < SSC_INDEX_ADDED)
        return &notes->added[place];
    return &atomic_load_explicit(&index->spill, memory_order_acquire)
                ->added[place - SSC_INDEX_ADDED];
}

/* ssc_index_hash sets the hash of a key in the table of an index. It precedes what follows. */
void ssc_index_hash(const struct ssc_index *index, struct ssc_index_key *key);

/*
 * ssc_index_prefetch fetches the key's line for what is going to be done with it
 * after something else, such as a crossing.
 */
void ssc_index_prefetch(const struct ssc_index *index, const struct ssc_index_key *key);

/*
 * ssc_index_find looks for a key. A reference it finds may be dropped by the
 * time it is used: see ssc_slot_get1. Any thread; it neither waits nor counts.
 */
enum ssc_index_answer ssc_index_find(const struct ssc_index *index, const struct ssc_index_key *key,
                                     struct ssc_index_item *item);

/*
 * ssc_index_leave has what was found in an entry no longer be found there, before the
 * core takes it out. If the core has done so already, or replaced it, nothing happens.
 */
void ssc_index_leave(const struct ssc_index *index, const struct ssc_index_item *item);

#endif
