/* blocks.h: see blocks.c. */
#ifndef SSC_BLOCKS_H
#define SSC_BLOCKS_H

#include <stddef.h>

/*
 * ssc_core_malloc and ssc_core_free are what scripts/go-core.sh puts in the place of the
 * core's malloc and free. What is for a thread of the core is from there, too.
 */
void *ssc_core_malloc(size_t size);
void ssc_core_free(void *block);

#endif
