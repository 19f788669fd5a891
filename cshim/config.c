#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

static struct ssc_config config;

const struct ssc_config *ssc_config(void)
{
    return &config;
}

void ssc_config_load(void)
{
    const char *mode = getenv("SESSCACHE_MODE");
    const char *stats = getenv("SESSCACHE_STATS_FILE");

    if (mode != NULL && *mode != '\0') {
        if (strcmp(mode, "takeover") == 0)
            config.takeover = true;
        else if (strcmp(mode, "documented") != 0)
            ssc_log("SESSCACHE_MODE=%s is neither 'documented' nor 'takeover'; "
                    "going on as 'documented'",
                    mode);
    }
    /* The host may rewrite its environment later (nginx does), so keep a copy. */
    if (stats != NULL && *stats != '\0')
        config.stats_file = strdup(stats);
}
