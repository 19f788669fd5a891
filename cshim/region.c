#include "region.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "config.h"
#include "keys.h"
#include "process.h"
#include "regionfile.h"

struct ssc_region ssc_region_here;
static struct ssc_region_header *header; /* of a region in a file */
static _Atomic uint32_t noted_keys;      /* generation of the keys that the header knows */
_Atomic bool ssc_region_from_parent;
/* Of a child forked while another thread of its parent was mapping, it is the child's turn. */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool map_file(const char *path, size_t size)
{
    char why[160];

    atomic_store(&noted_keys, ssc_keys_generation());
    header = ssc_regionfile_map(path, size, why, sizeof why);
    if (header == NULL) {
        ssc_config_refuse("SESSCACHE_SHARED_FILE", path, "%s; the sessions end with the server",
                          why);
        return false;
    }
    ssc_region_here = (struct ssc_region){
        .base = (char *)header + SSC_REGION_HEADER, .size = size, .in_file = true};
    return true;
}

/* No page of it exists before it is written to. */
static void map_memory(size_t size)
{
    void *const base =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (base == MAP_FAILED) {
        ssc_config_refuse("SESSCACHE_SHARED_SIZE", NULL,
                          "%zu bytes of shared memory cannot be had: %s; each process caches "
                          "alone",
                          size, strerror(errno));
        return;
    }
    madvise(base, size, MADV_DONTDUMP);
    ssc_region_here = (struct ssc_region){.base = base, .size = size};
}

static void map(void)
{
    const struct ssc_config *config = ssc_config();

    if (config->shared_size > 0 &&
        (config->shared_file == NULL || !map_file(config->shared_file, config->shared_size)))
        map_memory(config->shared_size);
}

void ssc_region_map(void)
{
    const int saved_errno = errno;

    /* What the parent has mapped must not be taken for this child's own, nor the reverse. */
    ssc_fork_check();
    pthread_once(&once, map);
    const uint32_t keys = ssc_keys_generation();
    if (ssc_unlikely(ssc_region_here.in_file && atomic_load(&noted_keys) != keys)) {
        ssc_regionfile_note_key(header);
        atomic_store(&noted_keys, keys);
    }
    errno = saved_errno;
}

void ssc_region_forked(void)
{
    if (ssc_region_here.base != NULL)
        atomic_store(&ssc_region_from_parent, true);
}
