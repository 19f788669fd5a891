/*
 * filecache.h: a directory that keeps serialised TLS sessions, one file each,
 * across restarts of the server. A session holds secrets: the directory must
 * be the user's own (mode 0700), its files have mode 0600.
 *
 * Every function may be called from any thread.
 */
#ifndef SESSFILE_FILECACHE_H
#define SESSFILE_FILECACHE_H

#include <stddef.h>

/* The longest session ID that TLS knows. */
#define FILECACHE_ID_MAX 32

struct filecache;

/* What a cache did since it was opened, and what it holds. */
struct filecache_figures {
    unsigned long stored, found, removed, entries;
};

/*
 * filecache_open opens the directory, which is made if there is none, for at
 * most `limit` sessions. NULL, with errno set, on failure.
 */
struct filecache *filecache_open(const char *directory, unsigned long limit);

/* filecache_close forgets the directory; its files stay. */
void filecache_close(struct filecache *cache);

/*
 * filecache_put stores `len` bytes under the ID. Readers see the old file or
 * the whole new one. Above the limit the oldest files go. Returns 0, or -1.
 */
int filecache_put(struct filecache *cache, const unsigned char *id, size_t id_len,
                  const unsigned char *data, size_t len);

/* filecache_get returns the bytes stored under the ID, for free(), or NULL. */
unsigned char *filecache_get(struct filecache *cache, const unsigned char *id, size_t id_len,
                             size_t *len);

/* filecache_remove deletes what is stored under the ID, if anything is. */
void filecache_remove(struct filecache *cache, const unsigned char *id, size_t id_len);

/* filecache_read_figures fills `figures`. */
void filecache_read_figures(struct filecache *cache, struct filecache_figures *figures);

#endif
