#include "signals.h"

#include <string.h>

/* _SigDefault, _SigSetStack and _SigUnblock in runtime/runtime2.go. */
#define GO_SIG_DEFAULT (1 << 4)
#define GO_SIG_SET_STACK (1 << 6)
#define GO_SIG_UNBLOCK (1 << 7)

static bool is(int sig, const char *name)
{
    const struct ssc_go_signal *entry = &ssc_go_signals[sig];

    return entry->name_len > (int64_t)strlen(name) && memcmp(entry->name, name, strlen(name)) == 0;
}

bool ssc_signals_keep(void)
{
    if (!is(SIGHUP, "SIGHUP:") || !is(SIGSEGV, "SIGSEGV:") || !is(SIGCHLD, "SIGCHLD:") ||
        !is(SIGPROF, "SIGPROF:"))
        return false;
    for (int sig = 1; sig < NSIG; sig++) {
        /* Those of the C library's own the runtime gives SA_ONSTACK; sigaction would refuse us. */
        if (ssc_go_signals[sig].flags != 0 && (ssc_go_signals[sig].flags & GO_SIG_SET_STACK) == 0)
            ssc_go_signals[sig].flags |= GO_SIG_DEFAULT;
    }
    /*
     * Its own threads unblock these two, where a host that waits for them with
     * sigwait or signalfd would lose them. It needs neither here.
     */
    ssc_go_signals[SIGCHLD].flags &= ~GO_SIG_UNBLOCK;
    ssc_go_signals[SIGPROF].flags &= ~GO_SIG_UNBLOCK;
    return true;
}

void ssc_signals_use_alternate_stack(int sig)
{
    struct sigaction now;

    if (sigaction(sig, NULL, &now) != 0 || now.sa_handler == SIG_DFL || now.sa_handler == SIG_IGN ||
        (now.sa_flags & SA_ONSTACK) != 0)
        return;
    now.sa_flags |= SA_ONSTACK;
    sigaction(sig, &now, NULL);
}

void ssc_signals_use_alternate_stacks(void)
{
    for (int sig = 1; sig < NSIG; sig++)
        ssc_signals_use_alternate_stack(sig);
}
