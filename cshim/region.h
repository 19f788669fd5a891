/*
 * region.h: the memory that the workers of one server share. It is mapped when
 * the first context is made, before the server forks, changes its user or its
 * root directory, and is inherited. What lies in it is the Go core's business
 * (gocore/region); memory filled with zeros is an empty region.
 */
#ifndef SSC_REGION_H
#define SSC_REGION_H

#include <stdatomic.h>

#include "ssc.h"

/*
 * The first page of a region that lies in a file. The shim writes it when it
 * makes the file; the Go core does not look at it. While the file is being made
 * it has another magic, so that one whose maker died is made again.
 */
#define SSC_REGION_MAGIC UINT64_C(0x4e4f494745525353)  /* "SSREGION" */
#define SSC_REGION_MAKING UINT64_C(0x474e494b414d5353) /* "SSMAKING" */
#define SSC_REGION_LAYOUT 2u                           /* bump with any change of gocore/region */
#define SSC_REGION_HEADER 4096u
struct ssc_region_header {
    uint64_t magic;
    uint32_t layout;
    uint32_t sealed;    /* 1: records are sealed; 0: SESSCACHE_INSECURE=1 */
    uint64_t size;      /* of the whole file */
    uint8_t key_id[32]; /* names the key that seals: SHA-256 of SSC_REGION_KEY_LABEL and the key */
};
#define SSC_REGION_KEY_LABEL "sesscache key of a region\n"

struct ssc_region {
    void *base;  /* of the region proper, at the start of a page; NULL: there is none */
    size_t size; /* of the region proper, in whole pages */
    bool in_file;
};

/*
 * ssc_region_map maps the region at the first call; later calls cost two loads.
 * If the memory cannot be had there is none, and a line says so. A file that is
 * configured and cannot be used is refused with a line; then the region is
 * anonymous memory. Keeps errno. Any thread. In a child that was forked before
 * the first call it maps one that its parent does not have.
 *
 * To be called where a context is made, and after ssc_keys_refresh: once the
 * keys have changed it notes in the file which of them seals now.
 */
void ssc_region_map(void);

/*
 * ssc_region returns the region. Valid for the life of the process. What
 * somebody cuts off the file while it is mapped is gone from the memory too,
 * and reading it ends the process (SIGBUS): the file may be removed at any
 * time, but never be truncated or written to by others.
 */
static inline const struct ssc_region *ssc_region(void)
{
    extern struct ssc_region ssc_region_here;

    return &ssc_region_here;
}

/*
 * ssc_region_inherited is true in processes that were forked after the region
 * was mapped. It relies on ssc_fork_check having been called.
 */
static inline bool ssc_region_inherited(void)
{
    extern _Atomic bool ssc_region_from_parent;

    return atomic_load_explicit(&ssc_region_from_parent, memory_order_relaxed);
}

/* ssc_region_forked: this process is a new child. Called by ssc_runtime_forked. */
void ssc_region_forked(void);

#endif
