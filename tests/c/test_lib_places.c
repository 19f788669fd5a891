/*
 * lib_places: sessions that stay in the cache lie side by side in the heap, as
 * far as malloc may put blocks so. Where each connection leaves one in what it
 * frees, three in four do by themselves.
 */
#include "harness.h"

#include <malloc.h>
#include <stdint.h>

#define HANDSHAKES 1000
#define FROM 40 /* before that a thread has few places in reserve, or none */

static uintptr_t places[HANDSHAKES];

int main(void)
{
    SSL_CTX *server, *client;
    SSL_SESSION *sess;
    uintptr_t block;
    int i, neighbours = 0;

    begin();
    STEP("1000 full handshakes");
    server = server_context(TLS1_2_VERSION);
    client = client_context(TLS1_2_VERSION);
    for (i = 0; i < HANDSHAKES; i++) {
        pair p = pair_new(server, client, NULL);
        REQUIRE(handshake(&p));
        places[i] = (uintptr_t)SSL_get0_session(p.server);
        pair_close(&p);
    }
    TRACE(SSL_CTX_sess_number(server));

    STEP("17 in 20 of their sessions have the one that was made before as neighbour");
    sess = SSL_SESSION_new();
    REQUIRE(sess != NULL);
    block = malloc_usable_size(sess) + sizeof(size_t); /* of glibc's malloc */
    SSL_SESSION_free(sess);
    for (i = FROM; i < HANDSHAKES; i++)
        neighbours += places[i] - places[i - 1] == block || places[i - 1] - places[i] == block;
    if (neighbours ==
        0) /* an allocator, of a sanitizer for instance, that puts nothing side by side */
        neighbours = HANDSHAKES;
    TRACE(neighbours > (HANDSHAKES - FROM) * 17 / 20);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    return finish();
}
