#include "histogram.h"

#include <stdio.h>

#define CLASSES (1u << HISTOGRAM_BITS)
#define LAST (sizeof(((struct histogram *)0)->counts) / sizeof(uint32_t) - 1)

/* Below CLASSES each time has a class of its own; above, each power of two has CLASSES of them. */
static size_t class_of(uint64_t ns)
{
    if (ns < CLASSES)
        return (size_t)ns;
    const unsigned power = 63u - (unsigned)__builtin_clzll(ns);
    const unsigned shift = power - HISTOGRAM_BITS;
    const size_t class = ((size_t)(shift + 1) << HISTOGRAM_BITS) + (size_t)(ns >> shift) - CLASSES;
    return class < LAST ? class : LAST;
}

/* The middle of what falls into a class. */
static double middle_of(size_t class)
{
    if (class < CLASSES)
        return (double)class;
    const size_t shift = (class >> HISTOGRAM_BITS) - 1;
    const uint64_t low = (uint64_t)(class % CLASSES + CLASSES) << shift;
    return (double)low + (double)((uint64_t)1 << shift) / 2 - 0.5;
}

void histogram_note(struct histogram *histogram, uint64_t ns)
{
    histogram->calls++;
    histogram->sum += ns;
    histogram->counts[class_of(ns)]++;
    if (ns > histogram->worst)
        histogram->worst = ns;
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
    histogram->calls += other->calls;
    histogram->sum += other->sum;
    if (other->worst > histogram->worst)
        histogram->worst = other->worst;
    for (size_t i = 0; i <= LAST; i++)
        histogram->counts[i] += other->counts[i];
}

double histogram_percentile(const struct histogram *histogram, double share)
{
    const double wanted = share * (double)histogram->calls;
    uint64_t seen = 0;

    for (size_t i = 0; i <= LAST && histogram->calls > 0; i++) {
        seen += histogram->counts[i];
        if (histogram->counts[i] > 0 && (double)seen >= wanted) {
            const double middle = middle_of(i);
            return middle < (double)histogram->worst ? middle : (double)histogram->worst;
        }
    }
    return 0;
}

void histogram_print(const struct histogram *histogram, const char *name)
{
    printf(",\"%s_calls\":%lu,\"%s_p50_ns\":%.0f,\"%s_p99_ns\":%.0f,\"%s_p999_ns\":%.0f,"
           "\"%s_worst_ns\":%lu",
           name, (unsigned long)histogram->calls, name, histogram_percentile(histogram, 0.5), name,
           histogram_percentile(histogram, 0.99), name, histogram_percentile(histogram, 0.999),
           name, (unsigned long)histogram->worst);
}
