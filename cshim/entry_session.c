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

static time_t set_time(const void *caller, SSL_SESSION *sess, time_t t)
{
    const struct ssc_libssl *foreign = ssc_libssl_foreign(caller, false);
    const struct ssc_libssl *real = foreign != NULL ? foreign : ssc_libssl_find(caller);

    if (real == NULL)
        return 0;
    const time_t result = ssc_libssl_set_time(real, sess, t);
    if (foreign == NULL)
        moved(sess);
    return result;
}

SSC_EXPORT long SSL_SESSION_set_time(SSL_SESSION *sess, long t)
{
    return (long)set_time(__builtin_return_address(0), sess, (time_t)t);
}

SSC_EXPORT time_t SSL_SESSION_set_time_ex(SSL_SESSION *sess, time_t t)
{
    return set_time(__builtin_return_address(0), sess, t);
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
