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

/* From now on the index shows the session stored last, so that the shim finds it by itself. */
void show_last(void);

/* The next removal lets another thread come first: it calls `other`. */
void before_removal(void (*other)(void));

/* Drops all that is stored, as evictions that another thread is handed. */
void evict_all(void);

/* The session stored last is displaced, and waits to be handed out. */
void owe_last(void);

#endif
