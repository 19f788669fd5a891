/* cputime.c: the processor time of other processes, by their own clocks. */
#include "tlsload.h"

#include <string.h>
#include <time.h>

double cpu_seconds(const pid_t *pids, int len)
{
    double sum = 0;

    for (int i = 0; i < len; i++) {
        struct timespec used;
        clockid_t clock;

        if (clock_getcpuclockid(pids[i], &clock) != 0 || clock_gettime(clock, &used) != 0) {
            fprintf(stderr, "tlsload: process %ld of --cpu-of cannot be looked at\n",
                    (long)pids[i]);
            return -1;
        }
        sum += (double)used.tv_sec + (double)used.tv_nsec / 1e9;
    }
    return sum;
}
