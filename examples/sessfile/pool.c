#include "pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct pool {
    void (*serve)(void *argument, int fd);
    void *argument;
    pthread_mutex_t lock;
    pthread_cond_t filled, drained;
    bool stopping;
    unsigned threads, waiting, first; /* the queue is a ring with room for `threads` */
    int *queue;
    pthread_t *ids;
};

static void *work(void *argument)
{
    struct pool *pool = argument;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->waiting == 0 && !pool->stopping)
            pthread_cond_wait(&pool->filled, &pool->lock);
        if (pool->waiting == 0)
            break;
        int fd = pool->queue[pool->first];
        pool->first = (pool->first + 1) % pool->threads;
        pool->waiting--;
        pthread_cond_signal(&pool->drained);
        pthread_mutex_unlock(&pool->lock);
        pool->serve(pool->argument, fd);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

struct pool *pool_start(unsigned threads, void (*serve)(void *argument, int fd), void *argument)
{
    struct pool *pool = calloc(1, sizeof *pool);

    if (pool == NULL)
        return NULL;
    pool->serve = serve;
    pool->argument = argument;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->filled, NULL);
    pthread_cond_init(&pool->drained, NULL);
    pool->queue = calloc(threads, sizeof *pool->queue);
    pool->ids = calloc(threads, sizeof *pool->ids);
    if (pool->queue == NULL || pool->ids == NULL) {
        pool_stop(pool);
        return NULL;
    }
    while (pool->threads < threads &&
           pthread_create(&pool->ids[pool->threads], NULL, work, pool) == 0)
        pool->threads++;
    if (pool->threads < threads) {
        pool_stop(pool);
        return NULL;
    }
    return pool;
}

void pool_submit(struct pool *pool, int fd)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->waiting == pool->threads)
        pthread_cond_wait(&pool->drained, &pool->lock);
    pool->queue[(pool->first + pool->waiting++) % pool->threads] = fd;
    pthread_cond_signal(&pool->filled);
    pthread_mutex_unlock(&pool->lock);
}

void pool_stop(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->filled);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->threads; i++)
        pthread_join(pool->ids[i], NULL);
    pthread_cond_destroy(&pool->drained);
    pthread_cond_destroy(&pool->filled);
    pthread_mutex_destroy(&pool->lock);
    free(pool->queue);
    free(pool->ids);
    free(pool);
}
