/* config.h: settings, from the environment. */
#ifndef SSC_CONFIG_H
#define SSC_CONFIG_H

#include "ssc.h"

#define SSC_SHARED_SIZE_DEFAULT (UINT64_C(16) << 20)
#define SSC_SHARED_SIZE_LEAST (UINT64_C(256) << 10)
#define SSC_SHARED_SIZE_MOST (UINT64_C(64) << 30)
#define SSC_STORE_TIMEOUT_DEFAULT 5u
#define SSC_STORE_TIMEOUT_MOST 1000u
#define SSC_NAMESPACE_MOST 255u
#define SSC_STORE_CA_MOST (1u << 20)

struct ssc_config {
    bool takeover;           /* SESSCACHE_MODE=takeover: cache on servers whatever the flags say */
    bool strict;             /* SESSCACHE_STRICT=1: a bad setting ends the process */
    bool insecure;           /* SESSCACHE_INSECURE=1: a store or a file without a key is accepted */
    const char *stats_file;  /* SESSCACHE_STATS_FILE, or NULL */
    size_t shared_size;      /* SESSCACHE_SHARED_SIZE in bytes, whole pages; 0: no region */
    const char *shared_file; /* SESSCACHE_SHARED_FILE, or NULL */
    const char *name;        /* SESSCACHE_NAMESPACE, or NULL */
    const char *key_file;    /* SESSCACHE_KEY_FILE, or NULL; see ssc_keys_generation */
    const char *store;       /* SESSCACHE_STORE, checked; NULL: none, or it is off */
    const char *store_ca;    /* content of SESSCACHE_STORE_CA_FILE (PEM), or NULL */
    uint32_t store_timeout_ms; /* SESSCACHE_STORE_TIMEOUT */
};

/* ssc_config returns the settings of this process; they never change after the load. */
static inline const struct ssc_config *ssc_config(void)
{
    extern struct ssc_config ssc_config_now;

    return &ssc_config_now;
}

/*
 * ssc_config_load reads the environment, and the files that are to be read
 * before the host changes its user and its root directory, the keys among
 * them. Called once, by the library's constructor. Of each bad setting one line
 * is written, and the part of the library it is for stays off; if
 * SESSCACHE_STRICT=1 the process ends after the last line. A variable that is
 * empty is as one that is not set. A process that runs with more rights than
 * its caller (AT_SECURE) reads none of them, since they name files.
 */
void ssc_config_load(void);

/*
 * ssc_config_refuse says that the setting `variable` with `value` (NULL: not
 * to be shown) cannot be used: why, what is accepted, and what goes on without.
 * Ends the process with status 78 (EX_CONFIG) if SESSCACHE_STRICT=1; during
 * ssc_config_load only at its end, so that all lines are seen. Keeps errno.
 * Not for what goes wrong in a server that serves: see ssc_log.
 */
void ssc_config_refuse(const char *variable, const char *value, const char *why, ...)
    __attribute__((format(printf, 3, 4)));

#endif
