/*
 * keys.h: the keys that seal what leaves the memory of the host
 * (SESSCACHE_KEY_FILE). They are read with the rights that the process has at
 * its start, and lie in memory that no core dump contains.
 */
#ifndef SSC_KEYS_H
#define SSC_KEYS_H

#include "ssc.h"

#define SSC_KEY_SIZE 32u
#define SSC_KEYS_MAX 16u

/* How a key file is made, for messages. */
#define SSC_KEYS_RECIPE "`(umask 077; openssl rand -base64 32 > FILE)` makes one"

/*
 * ssc_keys_load reads the file that is configured, if one is. A file that is
 * missing, that others than its owner may read or write, that belongs neither
 * to root nor to this user, or that does not hold keys is refused with a line;
 * then there are no keys, now or later. Called once, by ssc_config_load.
 *
 * The file has one key a line, 32 bytes in base64 as `openssl rand -base64 32`
 * prints them; empty lines and lines that begin with # are skipped. The first
 * key seals, all of them open.
 */
void ssc_keys_load(void);

/*
 * ssc_keys_refresh reads the file again if it has changed. What cannot be read
 * any more (the host has changed its user or its root directory) or is not a
 * key file leaves the keys as they are; the second is said in a line, once for
 * each change. Looks at the file at most every 5 seconds unless `now` is set.
 * The workers of a server that drops its rights cannot read the file: they get
 * new keys from their parent, which so has to look with `now` set whenever it
 * makes a context. Keeps errno. Any thread; one that comes while another reads
 * the file does not wait, unless `now` is set.
 */
void ssc_keys_refresh(bool now);

/*
 * ssc_keys_get copies the keys, the one that seals first, to `keys` (room for
 * SSC_KEYS_MAX) and returns how many there are. *generation, if not NULL,
 * becomes a number that changes with each change of the keys. The caller wipes
 * its copy with explicit_bzero. Any thread.
 */
size_t ssc_keys_get(uint8_t keys[][SSC_KEY_SIZE], uint32_t *generation);

/*
 * ssc_keys_generation is that number, at the cost of a load; 0 if there are no
 * keys, which is decided when the library is loaded.
 */
uint32_t ssc_keys_generation(void);

/*
 * ssc_keys_forked frees what another thread of the parent may have locked.
 * Called in a child by ssc_runtime_forked.
 */
void ssc_keys_forked(void);

#endif
