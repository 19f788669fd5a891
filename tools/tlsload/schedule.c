/*
 * schedule.c: the arrivals of an open loop. They are fixed before the first
 * connection, so that a slow server is asked no less than a fast one, and the
 * same in every run with the same options.
 */
#include "tlsload.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

/* The arrival after the one at `at`. Of a Poisson process the gaps are exponential. */
static double next_arrival(const struct options *options, uint64_t *random, double at)
{
    double uniform;

    if (options->constant)
        return at + 1 / options->rate;
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    /* In (0, 1]: the logarithm of 0 is not wanted. */
    uniform = ((double)(*random >> 11) + 1) / 9007199254740992.0;
    return at - log(uniform) / options->rate;
}

/* Arrivals of the schedule; they are stored if `due` is not NULL. */
static long arrivals(const struct options *options, double *due)
{
    uint64_t random = 0x2545f4914f6cdd1du;
    double at = next_arrival(options, &random, 0);
    long n = 0;

    while (n < options->connections && (options->seconds == 0 || at < options->seconds)) {
        if (due != NULL)
            due[n] = at;
        n++;
        at = next_arrival(options, &random, at);
    }
    return n;
}

bool schedule_init(struct schedule *schedule, const struct options *options)
{
    *schedule = (struct schedule){.arrivals = arrivals(options, NULL)};
    schedule->due = calloc((size_t)schedule->arrivals + 1, sizeof(*schedule->due));
    if (schedule->due == NULL)
        return false;
    arrivals(options, schedule->due);
    if (schedule->arrivals > 0)
        schedule->last = schedule->due[schedule->arrivals - 1];
    return true;
}

void schedule_free(struct schedule *schedule)
{
    free(schedule->due);
    *schedule = (struct schedule){0};
}

void sleep_until(double seconds)
{
    struct timespec until = {.tv_sec = (time_t)seconds,
                             .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};

    /* Also after a signal: the moment is absolute. */
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        ;
}
