/*
 * statfile.h: layout of the figures file (SESSCACHE_STATS_FILE), which every
 * process with the library maps and gocore/statfile reads.
 */
#ifndef SSC_STATFILE_H
#define SSC_STATFILE_H

#include "sscore.h"

/* "SSCSTAT" and the layout's number, little-endian. */
#define SSC_STATFILE_MAGIC (UINT64_C(0x0054415453435353) | ((uint64_t)SSC_PROCESS_LAYOUT << 56))
#define SSC_STATFILE_SLOTS 1024u

struct ssc_statfile {
    uint64_t magic;
    uint32_t slot_size;
    uint32_t slots;
    uint8_t reserved[4096 - 16];
    sscore_process process[SSC_STATFILE_SLOTS];
};

#endif
