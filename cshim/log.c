#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct stat stderr_at_load;
static bool have_stderr;

void ssc_log_init(void)
{
    have_stderr = fstat(STDERR_FILENO, &stderr_at_load) == 0;
}

void ssc_log(const char *format, ...)
{
    char line[512] = "sesscache: ";
    const size_t prefix = sizeof("sesscache: ") - 1;
    const int saved_errno = errno;
    struct stat now;

    if (have_stderr && fstat(STDERR_FILENO, &now) == 0 && now.st_dev == stderr_at_load.st_dev &&
        now.st_ino == stderr_at_load.st_ino) {
        va_list args;
        va_start(args, format);
        int n = vsnprintf(line + prefix, sizeof line - prefix - 1, format, args);
        va_end(args);
        if (n >= 0) {
            size_t len = prefix + (size_t)n;
            if (len > sizeof line - 2)
                len = sizeof line - 2;
            /* A setting may hold anything; one line stays one. */
            for (size_t i = prefix; i < len; i++) {
                if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
                    line[i] = '?';
            }
            line[len++] = '\n';
            ssize_t written = write(STDERR_FILENO, line, len);
            (void)written; /* nobody is left to tell */
        }
    }
    errno = saved_errno;
}
