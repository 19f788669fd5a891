#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "runtime.h"
#include "statfile.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

/*
 * The word lies in a page that the kernel hands to children filled with zeros,
 * so that a child knows itself whatever made it: fork, _Fork or a bare clone,
 * of which only the first runs the handlers of pthread_atfork. A kernel before
 * 4.14 does not know such pages; there the handler has to do.
 */
static _Atomic uint32_t settled_here = SSC_SETTLED;
_Atomic uint32_t *ssc_settled = &settled_here;

static sscore_process own_block; /* where there is no file, or no room in it */
_Atomic(sscore_process *) ssc_process_block = &own_block;
static struct ssc_statfile *statfile;

__thread unsigned ssc_lane_taken;

static _Atomic unsigned lane_users[SSC_LANES];

/*
 * The lane with the fewest threads. A thread that comes when another has ended
 * gets that one's, with the free slots that lie there.
 */
unsigned ssc_lane_take(void)
{
    unsigned lane = 0;

    for (unsigned i = 1; i < SSC_LANES; i++) {
        if (atomic_load(&lane_users[i]) < atomic_load(&lane_users[lane]))
            lane = i;
    }
    atomic_fetch_add(&lane_users[lane], 1);
    ssc_lane_taken = lane + 1;
    return lane;
}

void ssc_lane_leave(void)
{
    if (ssc_lane_taken == 0)
        return;
    atomic_fetch_sub(&lane_users[ssc_lane_taken - 1], 1);
    ssc_lane_taken = 0;
}

static bool gone(uint64_t pid)
{
    return kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/* Takes an unused block of the file or, in the second pass, one whose process has ended. */
static sscore_process *claim_block(void)
{
    const uint64_t pid = (uint64_t)getpid();

    for (uint32_t i = 0; statfile != NULL && i < 2 * SSC_STATFILE_SLOTS; i++) {
        sscore_process *p = &statfile->process[i % SSC_STATFILE_SLOTS];
        uint64_t owner = __atomic_load_n(&p->pid, __ATOMIC_RELAXED);
        if (owner != 0 && (i < SSC_STATFILE_SLOTS || !gone(owner)))
            continue;
        if (__atomic_compare_exchange_n(&p->pid, &owner, pid, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            memset((char *)p + sizeof p->pid, 0, sizeof *p - sizeof p->pid);
            p->start_time = (uint64_t)time(NULL);
            return p;
        }
    }
    memset(&own_block, 0, sizeof own_block);
    own_block.pid = pid;
    return &own_block;
}

static void map_statfile(const char *path)
{
    const size_t size = sizeof *statfile;
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        (st.st_size < (off_t)size && ftruncate(fd, (off_t)size) != 0)) {
        ssc_config_refuse("SESSCACHE_STATS_FILE", path, "%s; no figures are written",
                          fd >= 0 && errno == 0 ? "not a regular file" : strerror(errno));
    } else {
        void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED) {
            ssc_config_refuse("SESSCACHE_STATS_FILE", path, "%s; no figures are written",
                              strerror(errno));
        } else {
            struct ssc_statfile *file = map;
            uint64_t magic = 0;
            if (__atomic_compare_exchange_n(&file->magic, &magic, SSC_STATFILE_MAGIC, false,
                                            __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) ||
                magic == SSC_STATFILE_MAGIC) {
                file->slot_size = sizeof(sscore_process);
                file->slots = SSC_STATFILE_SLOTS;
                statfile = file;
            } else {
                ssc_config_refuse("SESSCACHE_STATS_FILE", path,
                                  "not a figures file of this version; no figures are written");
                munmap(map, size);
            }
        }
    }
    if (fd >= 0)
        close(fd);
}

static void forked_without_wipe(void)
{
    atomic_store(ssc_settled, SSC_FORKED);
}

void ssc_process_load(void)
{
    const long page = sysconf(_SC_PAGESIZE);
    void *word =
        mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (word != MAP_FAILED && madvise(word, (size_t)page, MADV_WIPEONFORK) == 0) {
        ssc_settled = word;
        atomic_store(ssc_settled, SSC_SETTLED);
    } else {
        if (word != MAP_FAILED)
            munmap(word, (size_t)page);
        pthread_atfork(NULL, NULL, forked_without_wipe);
    }
    if (ssc_config()->stats_file != NULL)
        map_statfile(ssc_config()->stats_file);
    atomic_store(&ssc_process_block, claim_block());
}

static uint64_t slots_used_by(const sscore_process *process)
{
    uint64_t sum = process->slots_used;

    for (unsigned i = 0; i < SSC_LANES; i++)
        sum += __atomic_load_n(&process->lane[i].slots_used, __ATOMIC_RELAXED);
    return sum;
}

void ssc_settle(void)
{
    uint32_t expected = SSC_FORKED;

    if (atomic_compare_exchange_strong(ssc_settled, &expected, SSC_SETTLING)) {
        /* The child has copies of these; what its parent counted is not its own. */
        const uint64_t contexts = ssc_process()->contexts;
        const uint64_t slots_used = slots_used_by(ssc_process());
        sscore_process *own = claim_block();
        own->contexts = contexts;
        own->slots_used = slots_used;
        atomic_store(&ssc_process_block, own);
        ssc_runtime_forked();
        atomic_store_explicit(ssc_settled, SSC_SETTLED, memory_order_release);
        return;
    }
    while (atomic_load_explicit(ssc_settled, memory_order_acquire) != SSC_SETTLED)
        sched_yield();
}
