/*
 * setting.h: what the values of settings may look like. Each function returns
 * NULL if `text` is such a value, which it stores, or else why it is none.
 */
#ifndef SSC_SETTING_H
#define SSC_SETTING_H

#include "ssc.h"

/*
 * ssc_setting_size reads a number of bytes: digits, then K, M or G for 2^10,
 * 2^20 or 2^30, of either case and optionally followed by iB.
 */
const char *ssc_setting_size(const char *text, uint64_t *bytes);

/* ssc_setting_millis reads a number of milliseconds: digits, optionally followed by ms. */
const char *ssc_setting_millis(const char *text, uint64_t *millis);

/* ssc_setting_flag reads 0 or 1. */
const char *ssc_setting_flag(const char *text, bool *flag);

/* ssc_setting_path accepts a path that means the same file wherever the host changes to. */
const char *ssc_setting_path(const char *text);

#endif
