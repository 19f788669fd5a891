/*
 * storeurl.h: the syntax of SESSCACHE_STORE. It is checked here, when the
 * library is loaded, so that a mistake is said when the server starts and not
 * at the first session of a worker. gocore/store reads the same syntax;
 * tests/go/settings/testdata/stores.txt holds both to it.
 *
 *   redis://[user]host[/db]                  rediss:// is the same over TLS
 *   redis-sentinel://[user]host,host/master[/db]
 *   redis-cluster://[user]host,host
 *   memcached://host,host
 *
 * user is `name:password@` or `:password@`, percent-encoded; host a name, an
 * IPv4 address or an IPv6 address in brackets, each with an optional `:port`;
 * db a number from 0 to 65535. A slash after the hosts with nothing behind it
 * is no path. There is no query and no fragment.
 */
#ifndef SSC_STOREURL_H
#define SSC_STOREURL_H

#include "ssc.h"

/* The most that may stand in SESSCACHE_STORE, and how many hosts. */
#define SSC_STOREURL_MAX 4096u
#define SSC_STOREURL_HOSTS 64u

/* ssc_storeurl_check returns NULL if `url` names a store, or else why it does not. */
const char *ssc_storeurl_check(const char *url);

/* ssc_storeurl_tls is true if a connection to the store `url`, which was checked, uses TLS. */
bool ssc_storeurl_tls(const char *url);

/*
 * ssc_storeurl_mask writes to `shown`, of `size` bytes, what of `url` may be
 * shown, whether it is a store's address or not: *** stands for the user and
 * the password, and for whatever could be one in an address that is mistyped.
 */
void ssc_storeurl_mask(const char *url, char *shown, size_t size);

#endif
