/*
 * sscore.h: the seam between the C shim and the Go core. Every function with
 * the prefix sscore_ is written in Go (capi/) and called from C; nothing is
 * called in the other direction. capi includes this file in its preamble, so
 * the compiler refuses a prototype that differs from the Go side.
 *
 * Go decides, C acts: Go keeps opaque references and says what is hit and what
 * was displaced; C counts references and runs callbacks. Every function takes
 * one crossing, keeps no pointer to its arguments, may be called from any
 * thread, and turns a panic into its failure value.
 */
#ifndef SSC_SSCORE_H
#define SSC_SSCORE_H

#include <stdint.h>

/* A reference of the shim to a session (see slot.h), opaque to Go. 0 is none. */
typedef uint64_t sscore_ref;

/* A table of the Go core: the cache of one context. 0 is none. */
typedef uint64_t sscore_table;

/* What a session is found by: its ID and its protocol version, as libssl compares them. */
typedef struct sscore_key {
    uint8_t id[32];
    uint32_t id_len; /* 0 to 32 */
    int32_t version; /* as SSL_version */
} sscore_key;

/* Expiry of a session that never expires. */
#define SSCORE_NEVER INT64_MAX

/* Verdicts of sscore_lookup. */
enum {
    SSCORE_MISS = 0,
    SSCORE_HIT = 1,
    SSCORE_STALE = 2, /* found, but expired: counted as a miss, left to libssl to judge */
};

/* Results of sscore_add. */
enum {
    SSCORE_FAILED = 0, /* nothing was stored */
    SSCORE_ADDED = 1,
    SSCORE_REPLACED = 2, /* stored; `replaced` is the reference it displaced */
    SSCORE_SAME = 3,     /* this very object is stored already; its place was refreshed */
};

#define SSCORE_EVICT_MAX 8

/* What an add displaced. */
typedef struct sscore_displaced {
    sscore_ref replaced; /* or 0 */
    uint32_t evicted_len;
    uint32_t more; /* 1: the table is still above its capacity, call sscore_evict */
    sscore_ref evicted[SSCORE_EVICT_MAX];
} sscore_displaced;

/* What the core counted for one table; the fields of sesscache_stats. */
typedef struct sscore_counters {
    uint64_t lookups, hits, misses, adds, replaced, evicted, expired, removed, flushed, entries;
} sscore_counters;

/*
 * The figures of one process, in memory shared with whoever reads the figures
 * file (SESSCACHE_STATS_FILE). Each field is a 64-bit word written with relaxed
 * atomic operations. The Go core writes the part it counts, the shim the rest.
 * gocore/statfile reads the same layout; bump SSC_PROCESS_LAYOUT when it changes.
 */
#define SSC_PROCESS_LAYOUT 1u
typedef struct sscore_process {
    /* written by the shim */
    uint64_t pid;           /* 0: unused slot */
    uint64_t start_time;    /* seconds since the epoch */
    uint64_t contexts;      /* attached now */
    uint64_t core_state;    /* enum ssc_core_state */
    uint64_t core_start_ns; /* what the start of the Go core took */
    uint64_t app_lookups;   /* calls of application get callbacks */
    uint64_t app_hits;      /* sessions they returned */
    uint64_t app_new;       /* calls of application new callbacks */
    uint64_t app_remove;    /* calls of application remove callbacks */
    uint64_t slots_used;    /* references the shim holds on behalf of the core */
    /* written by the Go core: the sum over its tables */
    sscore_counters core;
    uint64_t panics; /* panics recovered at the seam */
} sscore_process;

/*
 * sscore_init is the first call after the Go runtime has started. `process`
 * stays valid for the life of the process. Returns 1, or 0 if the core cannot
 * serve.
 */
int32_t sscore_init(sscore_process *process);

/*
 * sscore_threads says how many threads of the host call the core. A thread that
 * has called keeps its processor of the Go scheduler for some milliseconds, so
 * there are to be more of them than threads.
 */
void sscore_threads(uint32_t threads);

/* sscore_table_new makes a table that holds `capacity` sessions, 0 for no limit. 0 on failure. */
sscore_table sscore_table_new(uint64_t capacity);

/* sscore_table_free forgets a table. Its references must have been flushed before. */
void sscore_table_free(sscore_table table);

/* sscore_set_capacity sets the limit; the next add evicts what is above it. */
void sscore_set_capacity(sscore_table table, uint64_t capacity);

/* sscore_lookup finds a session: a verdict, and its reference in *ref unless SSCORE_MISS. */
int32_t sscore_lookup(sscore_table table, sscore_key *key, int64_t now, sscore_ref *ref);

/* sscore_contains is 1 if the key is stored, expired or not. It counts nothing. */
int32_t sscore_contains(sscore_table table, sscore_key *key);

/*
 * sscore_add stores `ref` under `key` until `expiry`. `object` identifies the
 * session object: the same key with the same object is SSCORE_SAME.
 */
int32_t sscore_add(sscore_table table, sscore_key *key, sscore_ref ref, uint64_t object,
                   int64_t expiry, sscore_displaced *displaced);

/* sscore_evict goes on evicting what is above the capacity; fills evicted, evicted_len and more. */
void sscore_evict(sscore_table table, sscore_displaced *displaced);

/*
 * sscore_remove takes the key out: 1 and its reference in *ref, or 0. If
 * `object` is not 0, only that very object is taken.
 */
int32_t sscore_remove(sscore_table table, sscore_key *key, uint64_t object, int64_t now,
                      sscore_ref *ref);

/* sscore_touch gives `object` a new expiry in every table that stores it under `key`. */
void sscore_touch(sscore_key *key, uint64_t object, int64_t expiry);

/* sscore_len is the number of sessions stored. */
uint64_t sscore_len(sscore_table table);

/* sscore_stats copies the counters of a table: 1, or 0 if there is none. */
int32_t sscore_stats(sscore_table table, sscore_counters *counters);

/*
 * sscore_flush starts a walk that takes out the sessions which expired before
 * `tm`, or, if `all`, every session stored when it was called. `now` decides
 * whether a session counts as expired or as flushed.
 * sscore_snapshot starts a walk over the sessions stored, taking none out.
 * Both return a cursor for sscore_next, freed by sscore_done; NULL on failure.
 */
void *sscore_flush(sscore_table table, int64_t tm, int32_t all, int64_t now);
void *sscore_snapshot(sscore_table table);

/* sscore_next stores up to `len` references at `refs` and returns how many; 0 at the end. */
uint32_t sscore_next(void *cursor, sscore_ref *refs, uint32_t len);
void sscore_done(void *cursor);

#endif
