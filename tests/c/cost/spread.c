/*
 * spread: over how many pages of the heap connections spread what they allocate
 * when the server's cache is full. Eight are under way at a time, in no order, as
 * in a server, so that each leaves a session between what the others have allocated:
 * resumptions of TLS 1.3, which make a new one. It prints to how many pages ten
 * of them come, on average.
 */
#include "harness.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SESSIONS 1500 /* that the cache keeps */
#define BEFORE (3 * SESSIONS)
#define MEASURED 400
#define UNDER_WAY 8

/*
 * The program's own malloc comes before that of the C library, for libssl and the
 * library too. It takes down which pages are given out.
 */
#define PAGES (1u << 20) /* bits, by the page's number modulo that */
static uint64_t seen[PAGES / 64];
static unsigned pages;
static bool counts;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);

static void *given(void *block)
{
    const uint32_t page = (uint32_t)((uintptr_t)block >> 12) % PAGES;

    if (counts && (seen[page / 64] >> page % 64 & 1) == 0) {
        seen[page / 64] |= UINT64_C(1) << page % 64;
        pages++;
    }
    return block;
}

void *malloc(size_t size)
{
    return given(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
    return given(__libc_calloc(n, size));
}

void *realloc(void *block, size_t size)
{
    return given(__libc_realloc(block, size));
}

int main(void)
{
    SSL_CTX *server, *client;
    SSL_SESSION *newest;
    pair under_way[UNDER_WAY];
    unsigned sum = 0, i;

    begin();
    server = server_context(TLS1_3_VERSION);
    client = client_context(TLS1_3_VERSION);
    SSL_CTX_sess_set_cache_size(server, SESSIONS);
    for (i = 0; i < UNDER_WAY; i++)
        under_way[i] = pair_new(server, client, NULL);
    for (i = 0; i < BEFORE + MEASURED;) {
        pair *p = &under_way[rand() % UNDER_WAY];
        const int client_step = handshake_step(p->client), server_step = handshake_step(p->server);
        REQUIRE(client_step >= 0 && server_step >= 0);
        if (client_step == 0 || server_step == 0)
            continue;
        exchange(p);
        newest = SSL_get1_session(p->client);
        pair_close(p);
        *p = pair_new(server, client, newest);
        SSL_SESSION_free(newest);
        if (++i >= BEFORE && i % 10 == 0) {
            sum += pages;
            pages = 0;
            memset(seen, 0, sizeof seen);
            counts = true;
        }
    }
    counts = false;
    printf("%u\n", sum / (MEASURED / 10));
    for (i = 0; i < UNDER_WAY; i++)
        pair_drop(&under_way[i]);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    return finish();
}
