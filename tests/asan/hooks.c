/*
 * hooks.c: what the sanitizers ask of the C tests. Linked into their
 * sanitized builds only.
 */
#include <unistd.h>

static pid_t first;

__attribute__((constructor)) static void note_first(void)
{
    first = getpid();
}

int __lsan_is_turned_off(void);

/*
 * The search for leaks stops every thread the process has known. A child of a
 * fork has only one of them, so what it would report is false; its parent,
 * which made the same allocations, is searched.
 */
int __lsan_is_turned_off(void)
{
    return getpid() != first;
}
