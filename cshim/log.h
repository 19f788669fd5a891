/* log.h: the few lines the library says, on stderr. */
#ifndef SSC_LOG_H
#define SSC_LOG_H

/* ssc_log_init remembers which file stderr is. Called once, when the library is loaded. */
void ssc_log_init(void);

/*
 * ssc_log writes one line, with the prefix "sesscache: ", if descriptor 2 is
 * still the file it was at the load: a daemon may have closed it and may use
 * the number for a connection. It keeps errno and allocates nothing.
 */
void ssc_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
