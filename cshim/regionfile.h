/* regionfile.h: a region that lies in a file and so outlives its server (SESSCACHE_SHARED_FILE). */
#ifndef SSC_REGIONFILE_H
#define SSC_REGIONFILE_H

#include "region.h"

/*
 * ssc_regionfile_map maps the file at `path`, which it makes if there is none
 * or an empty one, with `size` bytes behind its header. Returns the header, or
 * NULL and why in `why`. The descriptor is closed: the host may close what it
 * does not know.
 */
struct ssc_region_header *ssc_regionfile_map(const char *path, size_t size, char *why,
                                             size_t why_size);

/* ssc_regionfile_note_key notes which key seals now, of those that ssc_keys_get returns. */
void ssc_regionfile_note_key(struct ssc_region_header *header);

#endif
