/* key.h: what the cache reads of a session: its key, and when it expires. */
#ifndef SSC_KEY_H
#define SSC_KEY_H

#include <string.h>

#include "sscore.h"
#include "ssc.h"

/*
 * ssc_key_make is false if there is no such key: its ID is too long, its version
 * none of TLS. What comes after the ID is written in the one word in which it is
 * read again at once: from several the processor would have to wait for memory.
 */
bool ssc_key_make_short(sscore_key *key, const unsigned char *id, size_t len, int version);
static inline bool ssc_key_make(sscore_key *key, const unsigned char *id, size_t len, int version)
{
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the version is in the lower half");
    const uint32_t rest = (uint32_t)version | (uint32_t)len << 16;

    if (ssc_unlikely(len != sizeof key->id || id == NULL || version != (uint16_t)version))
        return ssc_key_make_short(key, id, len, version);
    memcpy(key->id, id, sizeof key->id);
    memcpy((char *)key + offsetof(sscore_key, version), &rest, sizeof rest);
    return true;
}

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

/* ssc_key_prefetch_all fetches all of a session, for libssl clears what it frees. */
void ssc_key_prefetch_all(const SSL_SESSION *sess);

#endif
