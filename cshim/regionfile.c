#include "regionfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "keys.h"
#include "sha256.h"

/* How long another server may take to make the file, in steps of 10 ms. */
#define LOCK_STEPS 300

/* What to do about a file that is not as it should be. */
#define REMOVE "; once it is removed a new one is made"

/* What the file should be. */
struct wanted {
    uint64_t size; /* of the whole file */
    size_t keys;   /* how many key IDs there are; the first is of the key that seals */
    uint8_t key_ids[SSC_KEYS_MAX][SSC_SHA256_SIZE];
};

static size_t read_key_ids(uint8_t ids[SSC_KEYS_MAX][SSC_SHA256_SIZE])
{
    static const char label[] = SSC_REGION_KEY_LABEL;
    uint8_t keys[SSC_KEYS_MAX][SSC_KEY_SIZE];
    uint8_t text[sizeof label - 1 + SSC_KEY_SIZE];
    const size_t n = ssc_keys_get(keys, NULL);

    memcpy(text, label, sizeof label - 1);
    for (size_t i = 0; i < n; i++) {
        memcpy(text + sizeof label - 1, keys[i], SSC_KEY_SIZE);
        ssc_sha256(text, sizeof text, ids[i]);
    }
    explicit_bzero(keys, sizeof keys);
    explicit_bzero(text, sizeof text);
    return n;
}

static bool same_id(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, SSC_SHA256_SIZE) == 0;
}

/* Opens the file, or makes an empty one that only its owner can use. */
static int open_file(const char *path)
{
    const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd;

    /* Again if the file comes or goes between the two. */
    for (int i = 0; i < 10; i++) {
        fd = open(path, flags);
        if (fd >= 0 || errno != ENOENT)
            return fd;
        fd = open(path, flags | O_CREAT | O_EXCL, 0600);
        if (fd >= 0) {
            if (fchmod(fd, 0600) == 0) /* whatever the umask takes away */
                return fd;
            close(fd);
            return -1;
        }
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}

/* Why this file is not to be trusted, whatever it contains; or NULL. */
static const char *distrust(const struct stat *st, bool sealed)
{
    if (!S_ISREG(st->st_mode))
        return "it is not a regular file";
    if (st->st_nlink != 1)
        return "it has more than one name, or none";
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return "it belongs neither to root nor to this user";
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return "others than its owner may write it (chmod 600)";
    if (!sealed && (st->st_mode & (S_IRGRP | S_IROTH)) != 0)
        return "without a key nobody but its owner may read it (chmod 600)";
    return NULL;
}

static bool read_header(int fd, struct ssc_region_header *header)
{
    return pread(fd, header, sizeof *header, 0) == (ssize_t)sizeof *header;
}

static bool write_header(int fd, const struct ssc_region_header *header)
{
    return pwrite(fd, header, sizeof *header, 0) == (ssize_t)sizeof *header;
}

/* True if the file is empty or its maker did not come to the end. */
static bool is_unmade(int fd, const struct stat *st)
{
    struct ssc_region_header header;

    return st->st_size == 0 || (read_header(fd, &header) && header.magic == SSC_REGION_MAKING);
}

/* A file above the limit is a signal, which ends the process, and not an error. */
static bool within_limit(uint64_t size)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
           limit.rlim_cur >= size;
}

/* Makes the file. Called with it locked. Sets errno. */
static bool make(int fd, const struct wanted *wanted)
{
    struct ssc_region_header header = {
        .magic = SSC_REGION_MAKING,
        .layout = SSC_REGION_LAYOUT,
        .sealed = wanted->keys > 0,
        .size = wanted->size,
    };
    int error;

    if (!within_limit(wanted->size)) {
        errno = EFBIG;
        return false;
    }
    if (wanted->keys > 0)
        memcpy(header.key_id, wanted->key_ids[0], sizeof header.key_id);
    if (ftruncate(fd, 0) != 0 || !write_header(fd, &header))
        return false;
    /* All of it at once: a disk that is full must show now, and not when memory is written. */
    do
        error = posix_fallocate(fd, 0, (off_t)wanted->size);
    while (error == EINTR);
    if (error == 0) {
        header.magic = SSC_REGION_MAGIC;
        if (write_header(fd, &header))
            return true;
        error = errno;
    }
    if (ftruncate(fd, 0) == 0) /* gives back what there was room for */
        errno = error;
    return false;
}

/*
 * Locks the file, since another server may be making it; but not for ever, for
 * whoever may read the file can lock it.
 */
static bool lock(int fd)
{
    const struct timespec step = {.tv_nsec = 10 * 1000 * 1000};

    for (int i = 0; i < LOCK_STEPS; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return false;
        nanosleep(&step, NULL);
    }
    return false;
}

static const char *make_unless_made(int fd, const struct wanted *wanted)
{
    struct stat st;
    const char *why = NULL;

    if (!lock(fd))
        return errno == EWOULDBLOCK ? "another process has locked it" : strerror(errno);
    if (fstat(fd, &st) != 0 || (is_unmade(fd, &st) && !make(fd, wanted)))
        why = strerror(errno);
    flock(fd, LOCK_UN);
    return why;
}

/* Compares what the file says of itself. False, with what differs in `why`. */
static bool check_header(int fd, const struct stat *st, const struct wanted *wanted, char *why,
                         size_t why_size)
{
    struct ssc_region_header header;
    size_t i = 0;

    if (!read_header(fd, &header) || header.magic != SSC_REGION_MAGIC ||
        header.size <= SSC_REGION_HEADER)
        snprintf(why, why_size, "it is not a region" REMOVE);
    else if (header.layout != SSC_REGION_LAYOUT)
        snprintf(why, why_size, "another version of the library made it" REMOVE);
    else if (header.size != wanted->size)
        snprintf(why, why_size, "it was made with another size, of %" PRIu64 " bytes" REMOVE,
                 header.size - SSC_REGION_HEADER);
    else if ((uint64_t)st->st_size != header.size)
        snprintf(why, why_size, "it has %jd bytes and not the %" PRIu64 " of its header" REMOVE,
                 (intmax_t)st->st_size, header.size);
    else if (header.sealed != (wanted->keys > 0))
        snprintf(why, why_size, "it was made %s key" REMOVE,
                 header.sealed ? "with a" : "without a");
    else {
        while (i < wanted->keys && !same_id(header.key_id, wanted->key_ids[i]))
            i++;
        if (i < wanted->keys || wanted->keys == 0)
            return true;
        snprintf(why, why_size, "it was made with another key" REMOVE);
    }
    return false;
}

/* Checks the open file, and makes it if it is empty. False, with the reason in `why`. */
static bool prepare(int fd, const struct wanted *wanted, char *why, size_t why_size)
{
    const char *reason = NULL;
    struct stat st;

    if (fstat(fd, &st) != 0)
        reason = strerror(errno);
    else if ((reason = distrust(&st, wanted->keys > 0)) == NULL && is_unmade(fd, &st))
        reason = make_unless_made(fd, wanted);
    if (reason == NULL && fstat(fd, &st) != 0)
        reason = strerror(errno);
    if (reason != NULL) {
        snprintf(why, why_size, "%s", reason);
        return false;
    }
    if (!check_header(fd, &st, wanted, why, why_size))
        return false;
    /* A copy of the file may have holes. A file system that does not know of them has none. */
    if ((uint64_t)st.st_blocks * 512 < wanted->size &&
        fallocate(fd, 0, 0, (off_t)wanted->size) != 0 && errno != EOPNOTSUPP) {
        snprintf(why, why_size, "%s", strerror(errno));
        return false;
    }
    return true;
}

struct ssc_region_header *ssc_regionfile_map(const char *path, size_t size, char *why,
                                             size_t why_size)
{
    struct wanted wanted = {.size = (uint64_t)size + SSC_REGION_HEADER};
    struct ssc_region_header *header = NULL;

    wanted.keys = read_key_ids(wanted.key_ids);
    const int fd = open_file(path);
    if (fd < 0) {
        snprintf(why, why_size, "%s", errno == ELOOP ? "it is a symbolic link" : strerror(errno));
        return NULL;
    }
    if (prepare(fd, &wanted, why, why_size)) {
        header = mmap(NULL, wanted.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (header == MAP_FAILED) {
            snprintf(why, why_size, "%s", strerror(errno));
            header = NULL;
        } else {
            madvise(header, wanted.size, MADV_DONTDUMP);
            ssc_regionfile_note_key(header);
        }
    }
    close(fd);
    return header;
}

void ssc_regionfile_note_key(struct ssc_region_header *header)
{
    uint8_t ids[SSC_KEYS_MAX][SSC_SHA256_SIZE];

    if (read_key_ids(ids) > 0 && !same_id(header->key_id, ids[0]))
        memcpy(header->key_id, ids[0], sizeof header->key_id);
}
