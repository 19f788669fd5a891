/* config.h: the SESSCACHE_* variables, read when the library is loaded. */
#ifndef SSC_CONFIG_H
#define SSC_CONFIG_H

#include "ssc.h"

struct ssc_config {
    bool takeover;          /* SESSCACHE_MODE=takeover: cache on servers whatever the flags say */
    const char *stats_file; /* SESSCACHE_STATS_FILE, or NULL */
};

/* ssc_config returns the settings of this process; they never change after the load. */
const struct ssc_config *ssc_config(void);

/* ssc_config_load reads the environment. Called once, by the library's constructor. */
void ssc_config_load(void);

#endif
