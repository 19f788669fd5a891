#include "external.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define ID_SIZE 32u
#define DER_SIZE 512u /* sessions without a client's certificate fit */

/* The entries are a ring, in order of age; a slot of the table heads a chain of them. */
struct entry {
    unsigned char id[ID_SIZE], der[DER_SIZE];
    size_t len; /* of the DER; 0: the entry is free or its session was removed */
    struct entry *next;
};

static struct {
    pthread_mutex_t lock;
    struct entry *entries, **table;
    size_t size, slots, oldest, number;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* IDs are random already. A short one is filled up with zeros. */
static void whole_id(unsigned char whole[ID_SIZE], const unsigned char *id, size_t len)
{
    memset(whole, 0, ID_SIZE);
    memcpy(whole, id, len < ID_SIZE ? len : ID_SIZE);
}

static void id_of(unsigned char whole[ID_SIZE], const SSL_SESSION *sess)
{
    unsigned len;
    const unsigned char *const id = SSL_SESSION_get_id(sess, &len);

    whole_id(whole, id, len);
}

/* The link that points at the entry of this ID, or the end of its chain. */
static struct entry **find(const unsigned char id[ID_SIZE])
{
    uint64_t word;
    struct entry **link;

    memcpy(&word, id, sizeof word);
    link = &cache.table[word % cache.slots];
    while (*link != NULL && memcmp((*link)->id, id, ID_SIZE) != 0)
        link = &(*link)->next;
    return link;
}

static void unlink_entry(struct entry **link)
{
    struct entry *const entry = *link;

    *link = entry->next;
    entry->len = 0;
    cache.number--;
}

void external_add(SSL_SESSION *sess)
{
    unsigned char der[DER_SIZE], id[ID_SIZE], *end = der;
    struct entry **link;

    const int len = i2d_SSL_SESSION(sess, NULL);
    if (len <= 0 || (size_t)len > sizeof der)
        bench_fail("a session of %d bytes does not fit", len);
    i2d_SSL_SESSION(sess, &end);
    id_of(id, sess);
    pthread_mutex_lock(&cache.lock);
    if (*(link = find(id)) != NULL)
        unlink_entry(link);
    struct entry *const entry = &cache.entries[cache.oldest++ % cache.size];
    if (entry->len > 0)
        unlink_entry(find(entry->id));
    memcpy(entry->id, id, ID_SIZE);
    memcpy(entry->der, der, (size_t)len);
    entry->len = (size_t)len;
    entry->next = NULL;
    *find(id) = entry;
    cache.number++;
    pthread_mutex_unlock(&cache.lock);
}

static int on_new(SSL *ssl, SSL_SESSION *sess)
{
    (void)ssl;
    external_add(sess);
    return 0;
}

static SSL_SESSION *on_get(SSL *ssl, const unsigned char *data, int data_len, int *copy)
{
    unsigned char der[DER_SIZE], id[ID_SIZE];
    const unsigned char *from = der;
    size_t len = 0;

    (void)ssl;
    *copy = 0;
    whole_id(id, data, (size_t)data_len);
    pthread_mutex_lock(&cache.lock);
    const struct entry *const entry = *find(id);
    if (entry != NULL) {
        len = entry->len;
        memcpy(der, entry->der, len);
    }
    pthread_mutex_unlock(&cache.lock);
    return len > 0 ? d2i_SSL_SESSION(NULL, &from, (long)len) : NULL;
}

static void on_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    unsigned char id[ID_SIZE];
    struct entry **link;

    (void)ctx;
    id_of(id, sess);
    pthread_mutex_lock(&cache.lock);
    if (*(link = find(id)) != NULL)
        unlink_entry(link);
    pthread_mutex_unlock(&cache.lock);
}

void external_attach(SSL_CTX *ctx, size_t size)
{
    cache.size = size;
    cache.slots = 2 * size + 1;
    cache.entries = calloc(cache.size, sizeof *cache.entries);
    cache.table = calloc(cache.slots, sizeof *cache.table);
    if (size == 0 || cache.entries == NULL || cache.table == NULL)
        bench_fail("no cache of %zu sessions could be made", size);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_new);
    SSL_CTX_sess_set_get_cb(ctx, on_get);
    SSL_CTX_sess_set_remove_cb(ctx, on_remove);
}

size_t external_number(void)
{
    pthread_mutex_lock(&cache.lock);
    const size_t number = cache.number;
    pthread_mutex_unlock(&cache.lock);
    return number;
}
