/* pool.h: a fixed number of threads that serve accepted connections. */
#ifndef SESSFILE_POOL_H
#define SESSFILE_POOL_H

struct pool;

/* pool_start starts `threads` threads, each of which calls serve(argument, fd). NULL on failure. */
struct pool *pool_start(unsigned threads, void (*serve)(void *argument, int fd), void *argument);

/* pool_submit hands over a connection; it waits while as many are waiting as there are threads. */
void pool_submit(struct pool *pool, int fd);

/* pool_stop serves what was submitted, then ends the threads. */
void pool_stop(struct pool *pool);

#endif
