/*
 * fake_core.h: stands in the place of the Go core, so that the shim can be
 * tested by itself: it counts how often C crosses into the core.
 */
#ifndef TESTS_C_SHIM_FAKE_CORE_H
#define TESTS_C_SHIM_FAKE_CORE_H

/* Calls of sscore_* since the last call of this function. */
int crossings(void);

/* How often the core was started: 0 or 1. */
int core_starts(void);

#endif
