#include "runtime.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "caller.h"
#include "ctx.h"
#include "log.h"
#include "config.h"
#include "keys.h"
#include "mark.h"
#include "process.h"
#include "region.h"
#include "share.h"
#include "signals.h"
#include "sscore.h"
#include "threads.h"

/* Threads that the Go runtime takes while it starts, and some that it takes soon after. */
#define START_THREADS 8
/* Beside one for each processor: what a core takes at most before its host forbids threads. */
#define RESERVE_THREADS 24
/* The Go runtime reserves address space generously, and then grows by such pieces. */
#define MIN_ADDRESS_SPACE (UINT64_C(1) << 30)
#define MIN_GROWTH (UINT64_C(64) << 20)

_Atomic int ssc_runtime_state = SSC_CORE_NOT_STARTED;
static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;

/* The addresses of the Go runtime's initialisers; scripts/go-core.sh makes the section. */
typedef void go_initialiser(int argc, char **argv, char **envp);
extern go_initialiser *const __start_ssc_go_init[];
extern go_initialiser *const __stop_ssc_go_init[];

bool ssc_runtime_uses_stacks(void)
{
    const int now = atomic_load_explicit(&ssc_runtime_state, memory_order_acquire);

    return now == SSC_CORE_RUNNING || now == SSC_CORE_STARTING;
}

static void set_state(int value)
{
    atomic_store_explicit(&ssc_runtime_state, value, memory_order_release);
    __atomic_store_n(&ssc_process()->core_state, (uint64_t)value, __ATOMIC_RELAXED);
}

static uint64_t address_space_used(void)
{
    unsigned long long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");

    if (statm != NULL) {
        if (fscanf(statm, "%llu", &pages) != 1)
            pages = 0;
        fclose(statm);
    }
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Why the Go runtime would not survive its start here, or NULL. It aborts the process if so. */
static const char *obstacle(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        const uint64_t used = address_space_used();
        if (limit.rlim_cur < used || limit.rlim_cur - used < MIN_ADDRESS_SPACE)
            return "its address space is limited to less than 1 GiB beyond what it uses";
    }
    if (!ssc_threads_reserve(START_THREADS))
        return "it may not create threads";
    return NULL;
}

/*
 * What the host's GODEBUG says of the processor is passed on: valgrind claims
 * instructions for it that it cannot run everywhere, such as rdtscp.
 */
static void add_processor_options(char *debug, size_t size)
{
    const char *option = secure_getenv("GODEBUG");

    while (option != NULL && *option != '\0') {
        const size_t len = strcspn(option, ",");
        if (strncmp(option, "cpu.", 4) == 0 && strlen(debug) + 1 + len < size) {
            strcat(debug, ",");
            strncat(debug, option, len);
        }
        option += len + (option[len] == ',');
    }
}

/*
 * The Go runtime reads its arguments as a process does: argv, environment and
 * auxiliary vector in one block. The host's own may be overwritten by now
 * (servers set their titles there), so it gets one of its own.
 */
static char **arguments(void)
{
    static char name[] = "libsesscache";
    /* Threads of the host are not to be interrupted by the runtime's SIGURG, nor
     * files of the host's control group to be kept open and watched. */
    static char debug[256] = "GODEBUG=asyncpreemptoff=1,containermaxprocs=0,updatemaxprocs=0";
    static const unsigned long types[] = {AT_PAGESZ, AT_HWCAP,  AT_CLKTCK,      AT_SECURE,
                                          AT_RANDOM, AT_HWCAP2, AT_SYSINFO_EHDR};
    static unsigned long block[4 + 2 * (sizeof types / sizeof *types + 1)];
    size_t n = 0;

    add_processor_options(debug, sizeof debug);
    block[n++] = (unsigned long)name;
    block[n++] = 0;
    block[n++] = (unsigned long)debug;
    block[n++] = 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const unsigned long value = getauxval(types[i]);
        if (value != 0) {
            block[n++] = types[i];
            block[n++] = value;
        }
    }
    block[n++] = AT_NULL;
    block[n] = 0;
    return (char **)block;
}

/* The first call of the core: what it works with. */
static bool init_core(void)
{
    const struct ssc_config *config = ssc_config();
    const struct ssc_region *region = ssc_region();
    uint8_t keys[SSC_KEYS_MAX][SSC_KEY_SIZE];
    sscore_setup setup = {
        .process = ssc_process(),
        .insecure = config->insecure,
        .name = config->name,
        .store = config->store,
        .store_ca = config->store_ca,
        .store_timeout_ms = config->store_timeout_ms,
        .keys = keys[0],
        .keys_len = (uint32_t)ssc_keys_get(keys, NULL),
    };

    if (ssc_share_any()) {
        setup.region = region->base;
        setup.region_len = region->size;
        setup.region_sealed = region->in_file;
    }
    const bool ok = sscore_init(&setup) == 1;
    explicit_bzero(keys, sizeof keys);
    if (setup.refused[0] != '\0')
        ssc_log("%s", setup.refused);
    return ok;
}

static bool run_initialisers(void)
{
    sigset_t all, mask;

    if (!ssc_signals_keep())
        return false;
    ssc_caller_prepare();
    /* The runtime's threads inherit this mask: signals are for the host's threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    char **argv = arguments();
    for (go_initialiser *const *init = __start_ssc_go_init; init < __stop_ssc_go_init; init++)
        (*init)(1, argv, argv + 2);
    /* Meanwhile the runtime starts in a thread of its own, for which the first call waits. */
    ssc_signals_use_alternate_stacks();
    const bool ok = init_core();
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return ok;
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void start(void)
{
    const uint64_t began = now_ns();
    const char *why = obstacle();

    if (why == NULL) {
        set_state(SSC_CORE_STARTING);
        ssc_threads_serve_reserve_first(true);
        if (!run_initialisers())
            why = "its start failed";
        ssc_threads_serve_reserve_first(false);
    }
    if (why != NULL) {
        ssc_log("this process cannot run the Go core: %s; libssl's own session cache serves", why);
        set_state(SSC_CORE_UNAVAILABLE);
        return;
    }
    ssc_caller_started();
    ssc_process()->core_start_ns = now_ns() - began;
    set_state(SSC_CORE_RUNNING);
}

bool ssc_runtime_start(void)
{
    if (ssc_likely(ssc_runtime_running()))
        return true;
    if (ssc_runtime_unavailable())
        return false;
    const int saved_errno = errno;
    pthread_mutex_lock(&start_lock);
    if (atomic_load(&ssc_runtime_state) == SSC_CORE_NOT_STARTED)
        start();
    pthread_mutex_unlock(&start_lock);
    errno = saved_errno;
    return ssc_runtime_running();
}

void ssc_runtime_forked(void)
{
    pthread_mutex_init(&start_lock, NULL);
    ssc_threads_forked();
    ssc_caller_forked();
    ssc_ctx_forked();
    ssc_keys_forked();
    ssc_region_forked();
    ssc_libssl_forked();
    ssc_mark_forked();
    if (atomic_load(&ssc_runtime_state) != SSC_CORE_NOT_STARTED)
        set_state(SSC_CORE_UNAVAILABLE);
}

void ssc_runtime_memory_limit(uint64_t limit)
{
    const uint64_t used = address_space_used();

    ssc_fork_check();
    if (ssc_runtime_running() && (limit < used || limit - used < MIN_GROWTH))
        ssc_log("the limit of the address space leaves the Go core less than 64 MiB to grow; "
                "it ends the process when it needs more");
}

void ssc_runtime_before_limit(uint64_t limit)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const unsigned wanted = RESERVE_THREADS + (processors > 0 ? (unsigned)processors : 1);

    ssc_fork_check();
    if (limit > 4096 || ssc_runtime_unavailable())
        return;
    if (!ssc_runtime_running() && (!ssc_ctx_any_caches() || !ssc_runtime_start()))
        return;
    if (!ssc_threads_reserve(wanted))
        ssc_log("the Go core may run short of threads under this limit");
}
