/*
 * table.h: the cache of one context, or of several that share it, as the shim
 * sees it: a table of the Go core, made when the first session is added.
 */
#ifndef SSC_TABLE_H
#define SSC_TABLE_H

#include <pthread.h>
#include <stdatomic.h>

#include "index.h"
#include "sscore.h"
#include "ssc.h"

struct ssc_ctx;

struct ssc_table {
    _Atomic sscore_table core; /* 0 until the first session is added */
    struct ssc_index *index;   /* of `core`, set before it */
    uint32_t number;           /* names the table's slots; never 0, never used twice */
    bool by_worker;            /* made after a fork: its number means nothing to other workers */
    _Atomic unsigned users;    /* contexts that use it */
    pthread_mutex_t lock;      /* for making `core` */

    /* what the core knows of the context whose sessions these are; see share.c */
    _Atomic(struct ssc_ctx *) owner; /* the context it was made with; NULL: that is gone */
    _Atomic uint64_t identity;       /* 0: not told yet */
    _Atomic uint32_t caches;         /* that can share its sessions */
    void *certificate; /* a reference to what the identity is of: no other has its address */
};

/* ssc_table_new makes a table for one context. NULL if memory is short. */
struct ssc_table *ssc_table_new(void);

/* ssc_table_free frees a table without users, whose sessions have been flushed. */
void ssc_table_free(struct ssc_table *table);

/* ssc_table_core returns the core's table, made with `capacity` if need be; 0 on failure. */
sscore_table ssc_table_core(struct ssc_table *table, uint64_t capacity);

#endif
