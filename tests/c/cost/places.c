/*
 * places: where in the heap the sessions lie that 1,000 full handshakes leave in
 * the cache. It prints how many have the one that was made before as neighbour,
 * as far as glibc's malloc may put blocks side by side, and of how many.
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
    server = server_context(TLS1_2_VERSION);
    client = client_context(TLS1_2_VERSION);
    for (i = 0; i < HANDSHAKES; i++) {
        pair p = pair_new(server, client, NULL);
        REQUIRE(handshake(&p));
        places[i] = (uintptr_t)SSL_get0_session(p.server);
        pair_close(&p);
    }
    REQUIRE(SSL_CTX_sess_number(server) == HANDSHAKES);
    sess = SSL_SESSION_new();
    REQUIRE(sess != NULL);
    block = malloc_usable_size(sess) + sizeof(size_t);
    SSL_SESSION_free(sess);
    for (i = FROM; i < HANDSHAKES; i++)
        neighbours += places[i] - places[i - 1] == block || places[i - 1] - places[i] == block;
    printf("%d of %d\n", neighbours, HANDSHAKES - FROM);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    return finish();
}
