/*
 * hist.c: durations counted in classes whose width grows with the duration, so
 * that every percentile is known to better than one per cent, however many
 * there are. Up to 127 ns a class is one nanosecond wide; from there on each
 * doubling is divided into 128 classes.
 */
#include "tlsload.h"

enum { PARTS_BITS = 7, PARTS = 1 << PARTS_BITS };

_Static_assert(HIST_CLASSES == (64 - PARTS_BITS + 1) * PARTS, "each uint64_t has its class");

static size_t class_of(uint64_t ns)
{
    unsigned doublings;

    if (ns < PARTS)
        return (size_t)ns;
    doublings = 63 - PARTS_BITS - (unsigned)__builtin_clzll(ns);
    return ((size_t)doublings + 1) * PARTS + (size_t)((ns >> doublings) - PARTS);
}

/* The longest duration of a class. */
static uint64_t class_end(size_t class)
{
    size_t doublings;

    if (class < PARTS)
        return class;
    doublings = class / PARTS - 1;
    return (((uint64_t)(class % PARTS) + PARTS + 1) << doublings) - 1;
}

void hist_add(struct hist *hist, uint64_t ns)
{
    hist->count[class_of(ns)]++;
    hist->total++;
    if (ns > hist->max)
        hist->max = ns;
}

double hist_ms(const struct hist *hist, double percent)
{
    /* How many of the durations may lie above the answer; the share is never rounded up. */
    uint64_t above = (uint64_t)((double)hist->total * (100.0 - percent) / 100.0 + 1e-9);
    uint64_t passed = 0;
    size_t class = HIST_CLASSES;

    if (hist->total == 0)
        return 0;
    while (class > 0 && passed <= above)
        passed += hist->count[--class];
    return (double)(class_end(class) < hist->max ? class_end(class) : hist->max) / 1e6;
}
