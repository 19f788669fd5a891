#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int ssc_file_open(const char *path, struct stat *st, const char **why)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    st->st_mode = 0;
    if (fd < 0 || fstat(fd, st) != 0) {
        *why = strerror(errno);
    } else if (!S_ISREG(st->st_mode)) {
        *why = "not a regular file";
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

ssize_t ssc_file_read(int fd, char *buffer, size_t room, const char **why)
{
    size_t have = 0;
    ssize_t n;

    do {
        n = pread(fd, buffer + have, room - have, (off_t)have);
        if (n > 0)
            have += (size_t)n;
    } while (n > 0 ? have < room : n < 0 && errno == EINTR);
    if (n < 0)
        *why = strerror(errno);
    else if (have == room)
        *why = "too long";
    close(fd);
    return n < 0 || have == room ? -1 : (ssize_t)have;
}
