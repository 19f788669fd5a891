// env: SESSCACHE_MODE=takeover
/* lib_workers_takeover: in takeover mode workers share the sessions of servers of any mode. */
#include "workers.h"

/* As nginx and others that have a copy of their own: the reference is given back. */
static int copied(SSL *ssl, SSL_SESSION *sess)
{
    (void)ssl, (void)sess;
    return 0;
}

int main(void)
{
    begin();
    workers_modes(copied);
    return finish();
}
