/* Entry points: the times of a session, which decide its place in the order of expiry. */
#include "cache.h"
#include "libssl.h"
#include "process.h"

static void moved(SSL_SESSION *sess)
{
    if (sess == NULL)
        return;
    ssc_fork_check();
    ssc_cache_moved(sess);
}

SSC_EXPORT long SSL_SESSION_set_time(SSL_SESSION *sess, long t)
{
    SSC_ENTER(SSL_SESSION_set_time, sess, t);

    if (real == NULL)
        return 0;
    const long result = real->SSL_SESSION_set_time(sess, t);
    moved(sess);
    return result;
}

SSC_EXPORT time_t SSL_SESSION_set_time_ex(SSL_SESSION *sess, time_t t)
{
    /* libssl has this function from 3.3 on; on a 64-bit machine it is the other. */
    SSC_ENTER(SSL_SESSION_set_time, sess, (long)t);

    if (real == NULL)
        return 0;
    const time_t result = real->SSL_SESSION_set_time(sess, (long)t);
    moved(sess);
    return result;
}

SSC_EXPORT long SSL_SESSION_set_timeout(SSL_SESSION *sess, long t)
{
    SSC_ENTER(SSL_SESSION_set_timeout, sess, t);

    if (real == NULL)
        return 0;
    const long result = real->SSL_SESSION_set_timeout(sess, t);
    moved(sess);
    return result;
}
