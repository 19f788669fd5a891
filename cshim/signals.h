/*
 * signals.h: signals stay the host's while the Go core starts and runs: its handlers
 * are not replaced for a moment. They gain SA_ONSTACK, for a thread of the host that
 * is inside the core stands on a goroutine's stack of a few kilobytes.
 */
#ifndef SSC_SIGNALS_H
#define SSC_SIGNALS_H

#include <signal.h>
#include <stdint.h>

#include "ssc.h"

/* The runtime's table of signals; scripts/go-core.sh makes it visible here. */
extern struct ssc_go_signal {
    int32_t flags;
    const char *name;
    int64_t name_len;
} ssc_go_signals[NSIG] __asm__("runtime.sigtable");

/*
 * ssc_signals_keep has the Go runtime, which has not been started, install no
 * handlers and unblock no signal in its threads that a host may wait for. False if
 * its table of signals is not the one that is known here.
 */
bool ssc_signals_keep(void);

/*
 * ssc_signals_use_alternate_stack gives SA_ONSTACK to the handler that a signal has.
 * Async-signal-safe.
 */
void ssc_signals_use_alternate_stack(int sig);

/*
 * ssc_signals_use_alternate_stacks does so to all that there are; those installed later
 * get it in entry_signal.c. To be called once ssc_runtime_uses_stacks is true, and before
 * a thread of the host enters the core.
 */
void ssc_signals_use_alternate_stacks(void);

#endif
