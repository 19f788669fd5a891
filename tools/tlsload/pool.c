/* pool.c: the sessions a client holds, in the order it got them. */
#include "tlsload.h"

#include <string.h>

static SSL_SESSION *take_at(struct pool *pool, int version, int at)
{
    SSL_SESSION **list = pool->session[version];
    SSL_SESSION *session = list[at];

    pool->len[version]--;
    memmove(list + at, list + at + 1, (size_t)(pool->len[version] - at) * sizeof(*list));
    return session;
}

void pool_put(struct pool *pool, int version, SSL_SESSION *session)
{
    if (pool->len[version] == POOL_MAX)
        SSL_SESSION_free(take_at(pool, version, 0));
    pool->session[version][pool->len[version]++] = session;
}

SSL_SESSION *pool_take(struct pool *pool, int version, uint32_t random)
{
    if (pool->len[version] == 0)
        return NULL;
    return take_at(pool, version, (int)(random % (uint32_t)pool->len[version]));
}

SSL_SESSION *pool_take_newest(struct pool *pool, int version)
{
    if (pool->len[version] == 0)
        return NULL;
    return take_at(pool, version, pool->len[version] - 1);
}

void pool_clear(struct pool *pool)
{
    for (int version = 0; version < TLS_VERSIONS; version++)
        while (pool->len[version] > 0)
            SSL_SESSION_free(pool_take_newest(pool, version));
}
