/*
 * probe: the settings, keys and region of the shim without the rest of it. It
 * loads as the library does and then obeys commands, one on each line of its
 * input, with a line of output for each. tests/go/settings compiles and runs it.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "keys.h"
#include "log.h"
#include "process.h"
#include "region.h"
#include "sha256.h"
#include "storeurl.h"

/* Stands in the place of process.c, which does the same without looking at numbers. */
static pid_t settled;
static _Atomic uint32_t always_asked = SSC_FORKED;
_Atomic uint32_t *ssc_settled = &always_asked;

void ssc_settle(void)
{
    if (settled == getpid())
        return;
    settled = getpid();
    ssc_keys_forked();
    ssc_region_forked();
}

static const char *or_none(const char *text)
{
    return text != NULL ? text : "-";
}

static void show_config(void)
{
    const struct ssc_config *c = ssc_config();

    printf("takeover=%d strict=%d insecure=%d size=%zu file=%s name=%s store=%s ca=%zu "
           "timeout=%" PRIu32 "\n",
           c->takeover, c->strict, c->insecure, c->shared_size, or_none(c->shared_file),
           or_none(c->name), or_none(c->store), c->store_ca != NULL ? strlen(c->store_ca) : 0,
           c->store_timeout_ms);
}

static void show_keys(void)
{
    uint8_t keys[SSC_KEYS_MAX][SSC_KEY_SIZE];
    uint32_t generation;
    const size_t n = ssc_keys_get(keys, &generation);

    printf("generation=%" PRIu32 " keys=%zu", generation, n);
    for (size_t i = 0; i < n; i++)
        printf(" %02x%02x", keys[i][0], keys[i][SSC_KEY_SIZE - 1]);
    printf("\n");
    explicit_bzero(keys, sizeof keys);
}

static void show_region(void)
{
    const struct ssc_region *r = ssc_region();

    printf("mapped=%d size=%zu in_file=%d inherited=%d\n", r->base != NULL, r->size, r->in_file,
           ssc_region_inherited());
}

static void show_digest(const char *text)
{
    uint8_t digest[SSC_SHA256_SIZE];

    ssc_sha256(text, strlen(text), digest);
    for (size_t i = 0; i < sizeof digest; i++)
        printf("%02x", digest[i]);
    printf("\n");
}

static void show_store(const char *url)
{
    char shown[8192];

    ssc_storeurl_mask(url, shown, sizeof shown);
    printf("%s: %s\n", shown, or_none(ssc_storeurl_check(url)));
}

static atomic_bool stop, torn;

/* All keys of a file of the test begin alike: a mixture of two files shows. */
static void *read_keys(void *arg)
{
    uint8_t keys[SSC_KEYS_MAX][SSC_KEY_SIZE];

    while (!atomic_load(&stop)) {
        const size_t n = ssc_keys_get(keys, NULL);
        for (size_t i = 0; i < n; i++) {
            if (n != SSC_KEYS_MAX || keys[i][0] != keys[0][0])
                atomic_store(&torn, true);
        }
        ssc_keys_refresh(true);
    }
    return arg;
}

/* Renames `one` and `other` in turn to the key file while threads read it, and forks. */
static void crowd(const char *one, const char *other)
{
    enum { THREADS = 3, ROUNDS = 200 };
    pthread_t threads[THREADS];
    const char *from[] = {one, other};
    char spare[4096];
    int failed = 0;

    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, read_keys, NULL) != 0)
            abort();
    }
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(spare, sizeof spare, "%s.link", from[i % 2]);
        if (link(from[i % 2], spare) != 0 || rename(spare, ssc_config()->key_file) != 0)
            abort();
        ssc_keys_refresh(true);
        const pid_t pid = fork();
        if (pid == 0) {
            /* The alarm ends a child that waits for a lock which nobody holds. */
            alarm(20);
            ssc_fork_check();
            ssc_keys_refresh(true);
            atomic_store(&stop, true);
            atomic_store(&torn, false);
            uint8_t keys[SSC_KEYS_MAX][SSC_KEY_SIZE];
            _exit(ssc_keys_get(keys, NULL) != SSC_KEYS_MAX ||
                  keys[0][0] != keys[SSC_KEYS_MAX - 1][0]);
        }
        int status = 1;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
            failed++;
    }
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("torn=%d failed=%d\n", atomic_load(&torn), failed);
}

static void *map_region(void *arg)
{
    ssc_region_map();
    atomic_store((_Atomic uintptr_t *)arg, (uintptr_t)ssc_region()->base);
    return NULL;
}

/* Threads that all make the first context: they see one region. */
static void map_at_once(void)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    _Atomic uintptr_t bases[THREADS];
    int same = 1;

    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, map_region, &bases[i]) != 0)
            abort();
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        same = same && bases[i] != 0 && bases[i] == bases[0];
    }
    printf("same=%d\n", same);
}

static void obey(char *line)
{
    char *rest = line;
    const char *command = strsep(&rest, " ");

    if (strcmp(command, "config") == 0) {
        show_config();
    } else if (strcmp(command, "keys") == 0) {
        show_keys();
    } else if (strcmp(command, "refresh") == 0) {
        ssc_keys_refresh(rest != NULL && strcmp(rest, "now") == 0);
        show_keys();
    } else if (strcmp(command, "map") == 0) {
        ssc_region_map();
        show_region();
    } else if (strcmp(command, "at-once") == 0) {
        map_at_once();
    } else if (strcmp(command, "write") == 0) {
        strcpy(ssc_region()->base, rest);
        printf("written\n");
    } else if (strcmp(command, "read") == 0) {
        printf("read=%s\n", (const char *)ssc_region()->base);
    } else if (strcmp(command, "sha256") == 0) {
        show_digest(rest != NULL ? rest : "");
    } else if (strcmp(command, "store") == 0) {
        show_store(rest != NULL ? rest : "");
    } else if (strcmp(command, "user") == 0) {
        printf("user=%d\n", setgid(65534) == 0 && setuid(65534) == 0);
    } else if (strcmp(command, "crowd") == 0) {
        const char *one = strsep(&rest, " ");
        crowd(one, rest);
    } else if (strcmp(command, "fork") == 0) {
        fflush(stdout);
        const pid_t pid = fork();
        if (pid == 0) {
            obey(rest);
            fflush(stdout);
            _exit(0);
        }
        if (pid < 0 || waitpid(pid, NULL, 0) != pid)
            abort();
    } else {
        abort();
    }
}

/* As servers do that set their titles there. */
static void overwrite_environment(void)
{
    for (char **entry = environ; *entry != NULL; entry++)
        memset(*entry, 'x', strlen(*entry));
}

int main(void)
{
    char line[8192];

    settled = getpid();
    ssc_log_init();
    ssc_config_load();
    overwrite_environment();
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        obey(line);
        fflush(stdout);
    }
    return 0;
}
