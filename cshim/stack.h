/*
 * stack.h: the bounds of the stacks from which the Go core is called. The
 * runtime asks for them at each call from a stack that it does not know, and
 * the C library answers for the initial stack by reading /proc/self/maps: that
 * takes as long as hundreds of calls, and nothing is known where there is no /proc.
 */
#ifndef SSC_STACK_H
#define SSC_STACK_H

#include <pthread.h>

#include "ssc.h"

/*
 * ssc_core_pthread_getattr_np stands for pthread_getattr_np in the core, which
 * wants to know the stack of the calling thread. It opens no file where that is
 * the initial one; elsewhere the C library is asked once for each thread. Host
 * stacks that neither knows (coroutines) are outside the bounds it gives: the
 * runtime then supposes that there are 32 KB below.
 */
int ssc_core_pthread_getattr_np(pthread_t self, pthread_attr_t *attr);

#endif
