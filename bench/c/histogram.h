/*
 * histogram.h: how long calls took. Noting a time allocates nothing and touches
 * one counter, so it can be done between the calls that are measured.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

/* Each power of two has 2^8 classes: a percentile is right to 0.4 %. */
#define HISTOGRAM_BITS 8
#define HISTOGRAM_POWERS 40 /* the last one: some minutes, in nanoseconds */

struct histogram {
    uint64_t calls, worst, sum;
    uint32_t counts[(HISTOGRAM_POWERS - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS];
};

/* histogram_note counts a call that took `ns`. */
void histogram_note(struct histogram *histogram, uint64_t ns);

/* histogram_merge adds what `other` has counted. */
void histogram_merge(struct histogram *histogram, const struct histogram *other);

/*
 * histogram_percentile is the time within which `share` (0.5: half) of the
 * calls were done, never more than the worst; 0 without calls.
 */
double histogram_percentile(const struct histogram *histogram, double share);

/* histogram_print prints calls, p50, p99, p99.9 and worst as fields of JSON, each with a comma before. */
void histogram_print(const struct histogram *histogram, const char *name);

#endif
