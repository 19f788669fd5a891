/* key.h: what the cache reads of a session: its key, and when it expires. */
#ifndef SSC_KEY_H
#define SSC_KEY_H

#include "sscore.h"
#include "ssc.h"

/* ssc_key_make is false if there is no such key: its ID is too long, its version none of TLS. */
bool ssc_key_make(sscore_key *key, const unsigned char *id, size_t len, int version);

/* ssc_key_of makes the key that a session is found by. */
bool ssc_key_of(const SSL_SESSION *sess, sscore_key *key);

/*
 * ssc_key_expiry is the last second of the session's life, SSCORE_NEVER if it
 * has none: a sum beyond the range of libssl's clock never comes; nor, from 3.0
 * on, does that of a session from before 1970.
 */
int64_t ssc_key_expiry(const SSL_SESSION *sess);

/*
 * ssc_key_prefetch fetches what the other functions read of a session, which is
 * mostly out of the processor's cache, all at once.
 */
void ssc_key_prefetch(const SSL_SESSION *sess);

#endif
