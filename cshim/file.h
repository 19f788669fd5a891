/* file.h: small files that settings name, read whole. */
#ifndef SSC_FILE_H
#define SSC_FILE_H

#include <sys/stat.h>
#include <sys/types.h>

#include "ssc.h"

/*
 * ssc_file_open opens a regular file for reading and stores what fstat says of
 * it. Returns the descriptor, or -1 and why in *why; then st_mode is 0 unless
 * something else than a regular file was found. A FIFO does not block.
 */
int ssc_file_open(const char *path, struct stat *st, const char **why);

/*
 * ssc_file_read reads the file from its start up to its end and closes it.
 * Returns how many bytes there are in `buffer`, or -1 if the file cannot be
 * read, with why in *why, or is not shorter than `room`.
 */
ssize_t ssc_file_read(int fd, char *buffer, size_t room, const char **why);

#endif
