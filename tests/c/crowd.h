/* crowd.h: several threads that use one server context at the same time. */
#ifndef TESTS_C_CROWD_H
#define TESTS_C_CROWD_H

#include "harness.h"

/*
 * crowd_round makes connections from four threads while two more add, remove
 * and flush sessions of the same context, and prints the sums that must hold.
 * With `move_sessions` they also give cached sessions new lifetimes, which
 * stock libssl does not survive when another thread removes them meanwhile.
 */
void crowd_round(int version, int move_sessions);

/* Where a callback waits in blocked_in. */
enum blocking { BLOCK_NEW, BLOCK_GET, BLOCK_REMOVE, BLOCK_FLUSH, BLOCK_EVICTION };

/*
 * blocked_in lets one thread enter a callback that waits there until a second
 * thread has added, found, removed, flushed, resumed and configured with the
 * same context.
 */
void blocked_in(enum blocking where);

#endif
