#include "setting.h"

#include <string.h>
#include <strings.h>

static const char too_large[] = "too large a number";

/* Reads the digits at *text, which must not be none, and moves it behind them. */
static const char *read_digits(const char **text, uint64_t *number)
{
    const char *p = *text;
    uint64_t n = 0;

    if (*p < '0' || *p > '9')
        return "not a number";
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(n, 10u, &n) ||
            __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
            return too_large;
    }
    *text = p;
    *number = n;
    return NULL;
}

const char *ssc_setting_size(const char *text, uint64_t *bytes)
{
    static const char units[] = "kKmMgG";
    uint64_t n;
    const char *why = read_digits(&text, &n);

    if (why != NULL)
        return why;
    if (*text != '\0') {
        const char *unit = strchr(units, *text);
        if (unit == NULL || (text[1] != '\0' && strcasecmp(text + 1, "iB") != 0))
            return "not a unit of sizes";
        if (__builtin_mul_overflow(n, UINT64_C(1) << (10 * ((unit - units) / 2 + 1)), &n))
            return too_large;
    }
    *bytes = n;
    return NULL;
}

const char *ssc_setting_millis(const char *text, uint64_t *millis)
{
    uint64_t n;
    const char *why = read_digits(&text, &n);

    if (why != NULL)
        return why;
    if (*text != '\0' && strcmp(text, "ms") != 0)
        return "not a number of milliseconds";
    *millis = n;
    return NULL;
}

const char *ssc_setting_flag(const char *text, bool *flag)
{
    if ((*text != '0' && *text != '1') || text[1] != '\0')
        return "neither 0 nor 1";
    *flag = *text == '1';
    return NULL;
}

const char *ssc_setting_path(const char *text)
{
    return *text == '/' ? NULL : "not an absolute path";
}
