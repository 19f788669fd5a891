/*
 * Entry points of the C library through which a host installs signal handlers.
 * Passed on; once the Go core runs, handlers get SA_ONSTACK. A thread of the
 * host that is inside the core stands on a goroutine's stack of a few
 * kilobytes, which the frame of a handler would overrun. Handlers that were
 * installed before are given the flag when it starts (signals.c).
 */
#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>

#include "ssc.h"
#include "entry_signal.h"
#include "runtime.h"
#include "signals.h"

typedef int sigaction_function(int sig, const struct sigaction *act, struct sigaction *old);
typedef void (*handler)(int sig);
typedef handler signal_function(int sig, handler h);

static sigaction_function *real_sigaction;
static signal_function *real_signal;

SSC_EXPORT sigaction_function ssc_entry_sigaction __asm__("sigaction");
SSC_EXPORT signal_function ssc_entry_signal __asm__("signal");

/* sigaction may be called in a handler, where dlsym may not. */
void ssc_entry_signal_load(void)
{
    *(void **)&real_sigaction = dlsym(RTLD_NEXT, "sigaction");
    *(void **)&real_signal = dlsym(RTLD_NEXT, "signal");
}

int ssc_entry_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
    struct sigaction changed;

    if (real_sigaction == NULL)
        ssc_entry_signal_load();
    if (act != NULL && act->sa_handler != SIG_DFL && act->sa_handler != SIG_IGN &&
        act->sa_handler != SIG_ERR && ssc_runtime_uses_stacks()) {
        changed = *act;
        changed.sa_flags |= SA_ONSTACK;
        act = &changed;
    }
    return real_sigaction(sig, act, old);
}

handler ssc_entry_signal(int sig, handler h)
{
    if (real_signal == NULL)
        ssc_entry_signal_load();
    const handler before = real_signal(sig, h);
    if (before != SIG_ERR && ssc_runtime_uses_stacks())
        ssc_signals_use_alternate_stack(sig);
    return before;
}
