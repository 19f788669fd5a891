/*
 * percentiles: compares the percentiles of tlsload's histogram with those of
 * the sorted numbers themselves. Prints what is off and ends with status 1.
 */
#include "tlsload.h"

#include <stdlib.h>
#include <string.h>

enum { N = 100000 };

static uint64_t numbers[N];

static int by_value(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* Compares for `n` numbers; the answer may be up to 1/128 above, never below. */
static int compare(const char *what, int n)
{
    static const double percents[] = {1, 25, 50, 75, 90, 99, 99.9, 99.99, 100};
    struct hist *hist = calloc(1, sizeof(*hist));
    int wrong = 0;

    if (hist == NULL)
        return 1;
    for (int i = 0; i < n; i++)
        hist_add(hist, numbers[i]);
    qsort(numbers, (size_t)n, sizeof(*numbers), by_value);
    for (size_t i = 0; i < sizeof(percents) / sizeof(*percents); i++) {
        /* So many lie above it, at most. */
        int above = (int)((double)n * (100 - percents[i]) / 100 + 1e-9);
        double exact = (double)numbers[above < n ? n - 1 - above : 0] / 1e6;
        double told = hist_ms(hist, percents[i]);

        if (told < exact * (1 - 1e-12) || told > exact * (1 + 1.0 / 128) + 1e-12) {
            printf("%s: p%g of %d is %g, not %g\n", what, percents[i], n, exact, told);
            wrong = 1;
        }
    }
    free(hist);
    return wrong;
}

int main(void)
{
    struct hist empty = {0};
    uint64_t state = 88172645463325252u;
    int wrong = hist_ms(&empty, 50) != 0;

    for (int i = 0; i < N; i++)
        numbers[i] = (uint64_t)i;
    wrong |= compare("numbers in order", N);
    for (int shift = 0; shift < 64; shift += 7) {
        for (int i = 0; i < N; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            numbers[i] = state >> shift;
        }
        wrong |= compare("random numbers", N);
    }
    for (int n = 1; n < 30; n++) {
        for (int i = 0; i < n; i++)
            numbers[i] = (uint64_t)i * 1000000;
        wrong |= compare("few numbers", n);
    }
    memset(numbers, 0xff, sizeof(numbers));
    wrong |= compare("the longest", 3);
    return wrong;
}
