#include "keys.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "file.h"
#include "log.h"

#define VARIABLE "SESSCACHE_KEY_FILE"
#define MAX_FILE (64u << 10)
#define KEY_TEXT 44 /* characters of base64 for 32 bytes, the padding included */
#define REFRESH_SECONDS 5

struct keyset {
    size_t len;
    uint8_t keys[SSC_KEYS_MAX][SSC_KEY_SIZE];
};

/* What tells a file from what it was when it was read. */
struct stamp {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec modified, changed;
};

/*
 * Of two sets one is in use. The other is filled, and then the use changes, so
 * that a child forked at any moment has a whole one.
 */
static struct {
    struct keyset sets[2];
} * secret;
static _Atomic unsigned in_use;
static _Atomic uint32_t generation;

/* Guards the set in use against being filled anew while it is copied. */
static pthread_mutex_t sets_lock = PTHREAD_MUTEX_INITIALIZER;
/* Guards the stamps. Held while the file is read. */
static pthread_mutex_t refresh_lock = PTHREAD_MUTEX_INITIALIZER;
static struct stamp read_stamp, refused_stamp;
static _Atomic int64_t looked_at; /* seconds of a clock that only goes on */

/* Memory that is neither dumped nor, if the limits allow it, swapped out. NULL if there is none. */
static void *secret_alloc(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, size, MADV_DONTDUMP);
    mlock(memory, size);
    return memory;
}

static void secret_free(void *memory, size_t size)
{
    explicit_bzero(memory, size);
    munmap(memory, size);
}

static int64_t seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec;
}

static struct stamp stamp_of(const struct stat *st)
{
    return (struct stamp){.dev = st->st_dev,
                          .ino = st->st_ino,
                          .size = st->st_size,
                          .modified = st->st_mtim,
                          .changed = st->st_ctim};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_stamp(struct stamp a, struct stamp b)
{
    return a.dev == b.dev && a.ino == b.ino && a.size == b.size &&
           same_time(a.modified, b.modified) && same_time(a.changed, b.changed);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Reads the one way in which base64 writes 32 bytes. */
static bool decode_key(const char *text, size_t len, uint8_t key[SSC_KEY_SIZE])
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t n = 0;

    if (len != KEY_TEXT || text[KEY_TEXT - 1] != '=')
        return false;
    for (size_t i = 0; i < KEY_TEXT - 1; i++) {
        const int value = base64_value(text[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            key[n++] = (uint8_t)(bits >> have);
        }
    }
    return (bits & ((1u << have) - 1)) == 0;
}

static bool has_key(const struct keyset *set, const uint8_t *key)
{
    for (size_t i = 0; i < set->len; i++) {
        if (memcmp(set->keys[i], key, SSC_KEY_SIZE) == 0)
            return true;
    }
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Reads the lines of a file to `set`. False, with why in `why`, if they are not all keys. */
static bool parse(const char *text, size_t len, struct keyset *set, char *why, size_t why_size)
{
    static const uint8_t zeros[SSC_KEY_SIZE];
    const char *const end = text + len;
    uint8_t key[SSC_KEY_SIZE];
    const char *wrong = NULL;
    unsigned number = 0;

    set->len = 0;
    for (const char *line = text, *next; line < end && wrong == NULL; line = next) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop != NULL ? stop : end;
        next = stop < end ? stop + 1 : end;
        number++;
        for (; line < stop && is_blank(*line); line++)
            ;
        for (; stop > line && is_blank(stop[-1]); stop--)
            ;
        if (line == stop || *line == '#')
            continue;
        if (!decode_key(line, (size_t)(stop - line), key))
            wrong = "is not 32 bytes in base64";
        else if (memcmp(key, zeros, sizeof key) == 0)
            wrong = "is a key of zeros";
        else if (!has_key(set, key) && set->len == SSC_KEYS_MAX)
            wrong = "is a key more than 16";
        else if (!has_key(set, key))
            memcpy(set->keys[set->len++], key, sizeof key);
    }
    explicit_bzero(key, sizeof key);
    if (wrong != NULL)
        snprintf(why, why_size, "line %u %s", number, wrong);
    else if (set->len == 0)
        snprintf(why, why_size, "it has no key");
    return wrong == NULL && set->len > 0;
}

enum outcome { READ, REFUSED, UNREADABLE };

/* Reads the file into `set`; if that is refused, *why has the reason. *st is of the file read. */
static enum outcome read_keys(const char *path, struct keyset *set, struct stat *st, char *why,
                              size_t why_size)
{
    const char *reason = NULL;
    char *text;

    const int fd = ssc_file_open(path, st, &reason);
    if (fd < 0) {
        snprintf(why, why_size, "%s", reason);
        return st->st_mode != 0 ? REFUSED : UNREADABLE;
    }
    if (st->st_uid != 0 && st->st_uid != geteuid())
        reason = "it belongs neither to root nor to this user";
    else if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
        reason = "others than its owner have rights to it (chmod 600)";
    else if (st->st_size > MAX_FILE)
        reason = "too long";
    if (reason != NULL || (text = secret_alloc(MAX_FILE + 1)) == NULL) {
        snprintf(why, why_size, "%s", reason != NULL ? reason : strerror(errno));
        close(fd);
        return reason != NULL ? REFUSED : UNREADABLE;
    }
    const ssize_t len = ssc_file_read(fd, text, MAX_FILE + 1, &reason);
    if (len < 0)
        snprintf(why, why_size, "%s", reason);
    const bool well = len >= 0 && parse(text, (size_t)len, set, why, why_size);
    secret_free(text, MAX_FILE + 1);
    return well ? READ : REFUSED;
}

static bool same_keys(const struct keyset *a, const struct keyset *b)
{
    return a->len == b->len && memcmp(a->keys, b->keys, a->len * SSC_KEY_SIZE) == 0;
}

void ssc_keys_load(void)
{
    const char *const path = ssc_config()->key_file;
    char why[128];
    struct stat st;

    if (path == NULL)
        return;
    secret = secret_alloc(sizeof *secret);
    if (secret == NULL)
        snprintf(why, sizeof why, "%s", strerror(errno));
    else if (read_keys(path, &secret->sets[0], &st, why, sizeof why) == READ) {
        read_stamp = stamp_of(&st);
        atomic_store(&looked_at, seconds());
        atomic_store(&generation, 1);
        return;
    }
    ssc_config_refuse(VARIABLE, path, "%s; " SSC_KEYS_RECIPE "; there is no key", why);
}

/* Called with refresh_lock held. */
static void refresh(void)
{
    const char *const path = ssc_config()->key_file;
    struct keyset *const other = &secret->sets[1 - atomic_load(&in_use)];
    char why[128];
    struct stat st;

    if (stat(path, &st) != 0 || same_stamp(stamp_of(&st), read_stamp) ||
        same_stamp(stamp_of(&st), refused_stamp))
        return;
    /* Readers copy the other set, and only under the lock under which it changes place with this. */
    switch (read_keys(path, other, &st, why, sizeof why)) {
    case UNREADABLE:
        break;
    case REFUSED:
        refused_stamp = stamp_of(&st);
        ssc_log(VARIABLE "=%.100s: changed, but refused: %s; the keys stay as they were", path,
                why);
        break;
    case READ:
        read_stamp = stamp_of(&st);
        if (!same_keys(other, &secret->sets[atomic_load(&in_use)])) {
            pthread_mutex_lock(&sets_lock);
            atomic_store(&in_use, 1 - atomic_load(&in_use));
            atomic_fetch_add(&generation, 1);
            pthread_mutex_unlock(&sets_lock);
        }
        break;
    }
    explicit_bzero(&secret->sets[1 - atomic_load(&in_use)], sizeof *other);
}

void ssc_keys_refresh(bool now)
{
    const int saved_errno = errno;
    int64_t before, t;

    if (ssc_keys_generation() == 0)
        return;
    t = seconds();
    before = atomic_load_explicit(&looked_at, memory_order_relaxed);
    if (now) {
        pthread_mutex_lock(&refresh_lock);
    } else if (t - before < REFRESH_SECONDS || pthread_mutex_trylock(&refresh_lock) != 0) {
        return;
    }
    atomic_store_explicit(&looked_at, t, memory_order_relaxed);
    refresh();
    pthread_mutex_unlock(&refresh_lock);
    errno = saved_errno;
}

size_t ssc_keys_get(uint8_t keys[][SSC_KEY_SIZE], uint32_t *number)
{
    size_t len = 0;

    pthread_mutex_lock(&sets_lock);
    if (atomic_load(&generation) != 0) {
        const struct keyset *set = &secret->sets[atomic_load(&in_use)];
        len = set->len;
        memcpy(keys, set->keys, len * SSC_KEY_SIZE);
    }
    if (number != NULL)
        *number = atomic_load(&generation);
    pthread_mutex_unlock(&sets_lock);
    return len;
}

uint32_t ssc_keys_generation(void)
{
    return atomic_load_explicit(&generation, memory_order_acquire);
}

void ssc_keys_forked(void)
{
    pthread_mutex_init(&sets_lock, NULL);
    pthread_mutex_init(&refresh_lock, NULL);
}
