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

/*
 * What a session is found by: its ID and its protocol version, as libssl
 * compares them. The core reads it where it lies, as a Key of gocore/cache.
 */
typedef struct sscore_key {
    uint8_t id[32]; /* zero after the ID's end */
    uint16_t version;
    uint8_t id_len; /* 0 to 32 */
    uint8_t zero;
} sscore_key;

/* Expiry of a session that never expires. */
#define SSCORE_NEVER INT64_MAX

/* Verdicts of sscore_lookup. */
enum {
    SSCORE_MISS = 0,
    SSCORE_HIT = 1,
    SSCORE_STALE = 2,  /* found, but expired: counted as a miss, left to libssl to judge */
    SSCORE_SHARED = 3, /* found in the region: its DER was copied out */
    SSCORE_STORED = 4, /* found in the store: its DER was copied out */
    SSCORE_ROOM = 5,   /* found, but the room for the DER is too small: call again with more */
};

/* Which caches beyond the table an operation concerns, and how. */
enum {
    SSCORE_REGION = 1, /* the region that the workers of this host share */
    SSCORE_STORE = 2,  /* the store that hosts share */
    SSCORE_TAKE = 4, /* lookup: the session is good for one connection of all workers, then gone */
    SSCORE_BIND = 8, /* from sscore_table_identify: the store wants the connection's certificate */
};

/* What sscore_lookup is asked, and what it found. */
typedef struct sscore_query {
    uint32_t caches;
    uint32_t room; /* at `der`, for the DER of a session that the table does not have */
    uint8_t *der;
    const uint8_t *certificate; /* of the connection, DER, where SSCORE_BIND asks for it */
    uint32_t certificate_len;
    /* out */
    sscore_ref ref;     /* SSCORE_HIT, SSCORE_STALE */
    sscore_ref revoked; /* out of the table: another process removed that session; or 0 */
    uint32_t stamp;     /* SSCORE_SHARED, SSCORE_STORED: for the sscore_add of the session */
    uint32_t der_len;   /* SSCORE_SHARED, SSCORE_STORED: of the DER; SSCORE_ROOM: needed */
} sscore_query;

/* A session as other processes and hosts get it. */
typedef struct sscore_record {
    const uint8_t *der; /* NULL: not shared */
    uint32_t len;
    uint32_t caches;            /* SSCORE_REGION, SSCORE_STORE */
    uint32_t stamp;             /* from sscore_lookup, if the session came from there */
    uint32_t stamped;           /* 1 if so; else 0 */
    const uint8_t *certificate; /* as in sscore_query */
    uint32_t certificate_len;
} sscore_record;

/* Results of sscore_add. */
enum {
    SSCORE_FAILED = 0, /* nothing was stored */
    SSCORE_ADDED = 1,
    SSCORE_REPLACED = 2, /* stored in the place of another */
    SSCORE_SAME = 3,     /* this very object is stored already; its place was refreshed */
};

#define SSCORE_EVICT_MAX 32

/* What an add displaced, or those that the shim has noted (see notes.h). */
typedef struct sscore_displaced {
    sscore_ref replaced; /* by a session with the same key; or 0 */
    uint32_t evicted_len;
    uint32_t more; /* 1: there are others, call sscore_evict */
    sscore_ref evicted[SSCORE_EVICT_MAX];
} sscore_displaced;

/* What the core counted for one table; the fields of sesscache_stats. */
typedef struct sscore_counters {
    uint64_t lookups, hits, misses, adds, replaced, evicted, expired, removed, flushed, entries;
    uint64_t shared_hits, stored_hits; /* of the hits: found in the region, in the store */
} sscore_counters;

/* What the core counted for the region and the store; gocore/region and gocore/store say what. */
typedef struct sscore_region_counters {
    uint64_t hits, misses, puts, evicted, refused, busy, damaged, removed, taken, overtaken;
} sscore_region_counters;
typedef struct sscore_store_counters {
    uint64_t hits, misses, errors, timeouts, writes, dropped, deletes, opened, open;
} sscore_store_counters;

/*
 * The figures of one process, in memory shared with whoever reads the figures
 * file (SESSCACHE_STATS_FILE). Each field is a 64-bit word written with relaxed
 * atomic operations. The Go core writes the part it counts, the shim the rest.
 * gocore/statfile reads the same layout; bump SSC_PROCESS_LAYOUT when it changes.
 */
#define SSC_PROCESS_LAYOUT 4u

/*
 * What the shim counts most often, each thread in one of several lines of
 * memory: processors that count in one line wait for each other. The figures
 * are the sums, which are added to `core` and `slots_used`.
 */
#define SSC_LANES 8
typedef struct sscore_lane {
    _Alignas(64) uint64_t slots_used;
    uint64_t hits, misses;     /* lookups that the shim has answered */
    uint64_t removed, expired; /* sessions that it took out of service */
    uint64_t added;            /* sessions that it stored */
} sscore_lane;

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
    sscore_region_counters region;
    sscore_store_counters store;
    uint64_t unsealed; /* records of a store or a file refused: altered, of another key, ... */
    uint64_t panics;   /* panics recovered at the seam */
    sscore_lane lane[SSC_LANES];
} sscore_process;

/* What the core is told at its start. */
typedef struct sscore_setup {
    sscore_process *process; /* valid for the life of the process */
    void *region;            /* memory that the workers share, likewise; NULL: none */
    uint64_t region_len;
    int32_t region_sealed;     /* its records are sealed: it lies in a file */
    int32_t insecure;          /* records may leave the host without a seal */
    const char *name;          /* stands for the certificate in namespaces; or NULL */
    const char *store;         /* URL of the store; or NULL */
    const char *store_ca;      /* PEM of the authorities for its certificate; or NULL */
    uint32_t store_timeout_ms; /* longest wait of a lookup for the store */
    uint32_t keys_len;         /* number of keys; */
    const uint8_t *keys;       /* 32 bytes each, the one that seals first */
    char refused[256];         /* out: why the store is off, or empty */
} sscore_setup;

/*
 * sscore_init is the first call after the Go runtime has started. It keeps
 * nothing of `setup` but the process's figures and the region. Returns 1, or 0
 * if the core cannot serve.
 */
int32_t sscore_init(sscore_setup *setup);

/* sscore_set_keys replaces the keys that seal. They are copied. */
void sscore_set_keys(uint8_t *keys, uint32_t len);

/* What tells the sessions of one context from those of others, in every process and host alike. */
typedef struct sscore_identity {
    const uint8_t *certificate; /* DER; NULL: the context has none of its own */
    const uint8_t *context_id;  /* see SSL_CTX_set_session_id_context(3) */
    const uint8_t *authorities; /* names that client certificates are asked for, DER */
    uint32_t certificate_len, context_id_len, authorities_len;
    int32_t verify_mode; /* see SSL_CTX_set_verify(3) */
    uint32_t number;     /* of the context among those of the server; where nothing else tells */
} sscore_identity;

/*
 * sscore_threads says how many threads of the host call the core. A thread that
 * has called keeps its processor of the Go scheduler for some milliseconds, so
 * there are to be more of them than threads.
 */
void sscore_threads(uint32_t threads);

/* sscore_table_new makes a table that holds `capacity` sessions, 0 for no limit. 0 on failure. */
sscore_table sscore_table_new(uint64_t capacity);

/*
 * sscore_table_identify says whose sessions the table holds, so that they can
 * be shared; later calls replace what the first said. Returns which caches can
 * share them: SSCORE_REGION, SSCORE_STORE, and perhaps SSCORE_BIND.
 */
uint32_t sscore_table_identify(sscore_table table, sscore_identity *identity);

/*
 * sscore_table_index returns what the shim reads of a table without a crossing;
 * see index.h. NULL if there is no such table; valid until sscore_table_free.
 */
struct ssc_index *sscore_table_index(sscore_table table);

/* sscore_table_free forgets a table. Its references must have been flushed before. */
void sscore_table_free(sscore_table table);

/* sscore_set_capacity sets the limit; the next add evicts what is above it. */
void sscore_set_capacity(sscore_table table, uint64_t capacity);

/*
 * sscore_lookup finds a session, in the table and in the caches beyond it: a
 * verdict, and what belongs to it in *query. With SSCORE_TAKE a session is found
 * by one of all the lookups that are made with it in all processes.
 */
int32_t sscore_lookup(sscore_table table, sscore_key *key, int64_t now, sscore_query *query);

/* sscore_contains is 1 if the key is stored in the table, expired or not, or in the region. */
int32_t sscore_contains(sscore_table table, sscore_key *key, int64_t now, uint32_t caches);

/*
 * sscore_add stores `ref` under `key` until `expiry`. `object` identifies the
 * session object: the same key with the same object is SSCORE_SAME. What is
 * stored is shared as `record` says (NULL: it is not).
 */
int32_t sscore_add(sscore_table table, sscore_key *key, sscore_ref ref, uint64_t object,
                   int64_t now, int64_t expiry, sscore_record *record, sscore_displaced *displaced);

/* sscore_share shares a session that the table has, as sscore_add does. */
void sscore_share(sscore_table table, sscore_key *key, int64_t now, int64_t expiry,
                  sscore_record *record);

/*
 * sscore_settle has the table know what the shim has noted (see notes.h), some at
 * a time, so that other threads need not wait for all of it. 1 if sscore_evict has
 * to be called for what that displaces.
 */
int32_t sscore_settle(sscore_table table);

/*
 * sscore_evict has it know some, evicts what adds have left above the capacity,
 * and fills *displaced.
 */
void sscore_evict(sscore_table table, sscore_displaced *displaced);

/*
 * sscore_remove takes the key out of the table and of the `caches`, where it
 * does not come back before `expiry`. 1 if it was in the table (its reference
 * is then in *ref, else 0) or in the region. If `object` is not 0, only that
 * very object is taken, and only from the table.
 */
int32_t sscore_remove(sscore_table table, sscore_key *key, uint64_t object, int64_t now,
                      int64_t expiry, uint32_t caches, sscore_ref *ref);

/* sscore_touch gives `object` a new expiry in every table that stores it under `key`. */
void sscore_touch(sscore_key *key, uint64_t object, int64_t expiry);

/* sscore_len is the number of sessions stored. */
uint64_t sscore_len(sscore_table table);

/* sscore_stats copies the counters of a table: 1, or 0 if there is none. */
int32_t sscore_stats(sscore_table table, sscore_counters *counters);

/*
 * sscore_flush starts a walk that takes out the sessions which expired before
 * `tm`, or, if `all`, every session stored when it was called. `now` decides
 * whether a session counts as expired or as flushed. The `caches` are flushed
 * likewise, before the function returns.
 * sscore_snapshot starts a walk over the sessions stored, taking none out.
 * Both return a cursor for sscore_next, freed by sscore_done; NULL on failure.
 */
void *sscore_flush(sscore_table table, int64_t tm, int32_t all, int64_t now, uint32_t caches);
void *sscore_snapshot(sscore_table table);

/* sscore_next stores up to `len` references at `refs` and returns how many; 0 at the end. */
uint32_t sscore_next(void *cursor, sscore_ref *refs, uint32_t len);
void sscore_done(void *cursor);

#endif
