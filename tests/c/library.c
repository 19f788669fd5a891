/* library.c: finds the functions of libsesscache in the process. */
#include "library.h"

#include <dlfcn.h>
#include <inttypes.h>

static void find(const char *name, void *fn)
{
    void *found = dlsym(RTLD_DEFAULT, name);

    REQUIRE(found != NULL);
    memcpy(fn, &found, sizeof(found));
}

const char *library_version(void)
{
    const char *(*fn)(void);

    find("sesscache_version", &fn);
    return fn();
}

int library_attached(SSL_CTX *ctx)
{
    int (*fn)(SSL_CTX *);

    find("sesscache_attached", &fn);
    return fn(ctx);
}

int library_share(SSL_CTX *dst, SSL_CTX *src)
{
    int (*fn)(SSL_CTX *, SSL_CTX *);

    find("sesscache_ctx_share", &fn);
    return fn(dst, src);
}

int library_stats(SSL_CTX *ctx, sesscache_stats *stats, size_t size)
{
    int (*fn)(SSL_CTX *, sesscache_stats *, size_t);

    find("sesscache_ctx_stats", &fn);
    return fn(ctx, stats, size);
}

void print_stats(SSL_CTX *ctx)
{
    sesscache_stats s;

    memset(&s, 0xff, sizeof(s));
    if (library_stats(ctx, &s, sizeof(s)) != 1) {
        printf("stats: none\n");
        return;
    }
    printf("stats: lookups=%" PRIu64 " hits=%" PRIu64 " misses=%" PRIu64 " adds=%" PRIu64
           " replaced=%" PRIu64 " evicted=%" PRIu64 " expired=%" PRIu64 " removed=%" PRIu64
           " flushed=%" PRIu64 " entries=%" PRIu64 "\n",
           s.lookups, s.hits, s.misses, s.adds, s.replaced, s.evicted, s.expired, s.removed,
           s.flushed, s.entries);
    if (s.lookups != s.hits + s.misses ||
        s.adds - s.replaced - s.evicted - s.expired - s.removed - s.flushed != s.entries)
        printf("the sums do not hold\n");
    if ((long)s.entries != SSL_CTX_sess_number(ctx))
        printf("entries are not SSL_CTX_sess_number\n");
}
