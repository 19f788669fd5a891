#include "filecache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A file's name is its session ID in hex; a file that is being written has this prefix. */
#define TEMPORARY "new."
#define NAME_MAX_LEN (2 * FILECACHE_ID_MAX + 1)
#define DATA_MAX (64 * 1024)

struct filecache {
    int directory;
    unsigned long limit;
    pthread_mutex_t lock; /* guards all below, and every change of the directory */
    unsigned long serial;
    struct filecache_figures figures;
};

struct aged_file {
    struct timespec modified;
    char name[NAME_MAX_LEN];
};

static bool file_name(char *name, const unsigned char *id, size_t id_len)
{
    static const char digits[] = "0123456789abcdef";

    if (id_len == 0 || id_len > FILECACHE_ID_MAX)
        return false;
    for (size_t i = 0; i < id_len; i++) {
        *name++ = digits[id[i] >> 4];
        *name++ = digits[id[i] & 15];
    }
    *name = '\0';
    return true;
}

static bool is_session_file(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len < NAME_MAX_LEN && strspn(name, "0123456789abcdef") == len;
}

/* each_file calls `visit` with the name of every file in the directory. */
static int each_file(struct filecache *cache, int (*visit)(void *argument, const char *name),
                     void *argument)
{
    int fd = openat(cache->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    int status = 0;

    if (directory == NULL) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    for (struct dirent *entry; status == 0 && (entry = readdir(directory)) != NULL;)
        status = visit(argument, entry->d_name);
    closedir(directory);
    return status;
}

/* At the start: count the sessions, delete what a killed server left half-written. */
static int take_stock(void *argument, const char *name)
{
    struct filecache *cache = argument;

    if (strncmp(name, TEMPORARY, strlen(TEMPORARY)) == 0)
        unlinkat(cache->directory, name, 0);
    else if (is_session_file(name))
        cache->figures.entries++;
    return 0;
}

struct filecache *filecache_open(const char *directory, unsigned long limit)
{
    struct filecache *cache = calloc(1, sizeof *cache);
    struct stat status;

    if (cache == NULL)
        return NULL;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        free(cache);
        return NULL;
    }
    cache->limit = limit;
    cache->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cache->directory < 0) {
        free(cache);
        return NULL;
    }
    pthread_mutex_init(&cache->lock, NULL);
    if (fstat(cache->directory, &status) != 0 || each_file(cache, take_stock, cache) != 0) {
        filecache_close(cache);
        return NULL;
    }
    /* Whoever may write here chooses the sessions we resume. */
    if (status.st_uid != geteuid() || (status.st_mode & 077) != 0) {
        filecache_close(cache);
        errno = EPERM;
        return NULL;
    }
    return cache;
}

void filecache_close(struct filecache *cache)
{
    if (cache == NULL)
        return;
    close(cache->directory);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

struct file_list {
    struct filecache *cache;
    struct aged_file *files;
    size_t len, room;
};

static int list_file(void *argument, const char *name)
{
    struct file_list *list = argument;
    struct stat status;

    if (!is_session_file(name) || fstatat(list->cache->directory, name, &status, 0) != 0)
        return 0;
    if (list->len == list->room) {
        size_t room = list->room == 0 ? 256 : 2 * list->room;
        struct aged_file *files = realloc(list->files, room * sizeof *files);
        if (files == NULL)
            return -1;
        list->files = files;
        list->room = room;
    }
    list->files[list->len].modified = status.st_mtim;
    snprintf(list->files[list->len++].name, NAME_MAX_LEN, "%s", name);
    return 0;
}

static int older_first(const void *left, const void *right)
{
    const struct timespec *a = &((const struct aged_file *)left)->modified;
    const struct timespec *b = &((const struct aged_file *)right)->modified;

    if (a->tv_sec != b->tv_sec)
        return a->tv_sec < b->tv_sec ? -1 : 1;
    return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

/*
 * Deletes the oldest tenth, so that the directory is read once in a tenth of
 * the limit and not at each session. The lock is held.
 */
static void prune(struct filecache *cache)
{
    struct file_list list = {.cache = cache};

    if (each_file(cache, list_file, &list) == 0 && list.len > 0) {
        size_t surplus = list.len > cache->limit ? list.len - cache->limit : 0;
        size_t victims = surplus + cache->limit / 10;

        qsort(list.files, list.len, sizeof *list.files, older_first);
        for (size_t i = 0; i < victims && i < list.len; i++)
            unlinkat(cache->directory, list.files[i].name, 0);
        cache->figures.entries = list.len - (victims < list.len ? victims : list.len);
    }
    free(list.files);
}

static bool write_all(int fd, const unsigned char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return true;
}

int filecache_put(struct filecache *cache, const unsigned char *id, size_t id_len,
                  const unsigned char *data, size_t len)
{
    char name[NAME_MAX_LEN], temporary[64];
    bool written;

    if (!file_name(name, id, id_len) || len > DATA_MAX)
        return -1;
    pthread_mutex_lock(&cache->lock);
    snprintf(temporary, sizeof temporary, TEMPORARY "%ld.%lu", (long)getpid(), cache->serial++);
    pthread_mutex_unlock(&cache->lock);

    /* The slow part, outside the lock. A crash may lose the file: it is only a cache. */
    int fd = openat(cache->directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    written = write_all(fd, data, len);
    written = close(fd) == 0 && written;

    pthread_mutex_lock(&cache->lock);
    bool replaces = faccessat(cache->directory, name, F_OK, 0) == 0;
    if (written && renameat(cache->directory, temporary, cache->directory, name) == 0) {
        cache->figures.stored++;
        if (!replaces && ++cache->figures.entries > cache->limit)
            prune(cache);
    } else {
        unlinkat(cache->directory, temporary, 0);
        written = false;
    }
    pthread_mutex_unlock(&cache->lock);
    return written ? 0 : -1;
}

unsigned char *filecache_get(struct filecache *cache, const unsigned char *id, size_t id_len,
                             size_t *len)
{
    char name[NAME_MAX_LEN];
    unsigned char *data = NULL;
    struct stat status;

    if (!file_name(name, id, id_len))
        return NULL;
    int fd = openat(cache->directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) == 0 && status.st_size > 0 && status.st_size <= DATA_MAX) {
        *len = (size_t)status.st_size;
        data = malloc(*len);
        /* A file never changes once it has its name, so one read has all of it. */
        if (data != NULL && read(fd, data, *len) != (ssize_t)*len) {
            free(data);
            data = NULL;
        }
    }
    close(fd);
    if (data != NULL) {
        pthread_mutex_lock(&cache->lock);
        cache->figures.found++;
        pthread_mutex_unlock(&cache->lock);
    }
    return data;
}

void filecache_remove(struct filecache *cache, const unsigned char *id, size_t id_len)
{
    char name[NAME_MAX_LEN];

    if (!file_name(name, id, id_len))
        return;
    pthread_mutex_lock(&cache->lock);
    if (unlinkat(cache->directory, name, 0) == 0) {
        cache->figures.removed++;
        cache->figures.entries--;
    }
    pthread_mutex_unlock(&cache->lock);
}

void filecache_read_figures(struct filecache *cache, struct filecache_figures *figures)
{
    pthread_mutex_lock(&cache->lock);
    *figures = cache->figures;
    pthread_mutex_unlock(&cache->lock);
}
