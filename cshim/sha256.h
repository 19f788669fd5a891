/*
 * sha256.h: SHA-256 (FIPS 180-4), to name a key without showing it. That of
 * libcrypto cannot be used: its default library context may have no provider,
 * and asking it would set that context up before the host does.
 */
#ifndef SSC_SHA256_H
#define SSC_SHA256_H

#include "ssc.h"

#define SSC_SHA256_SIZE 32u

/* ssc_sha256 hashes `len` bytes. It leaves nothing of them on the stack. */
void ssc_sha256(const void *data, size_t len, uint8_t digest[SSC_SHA256_SIZE]);

#endif
