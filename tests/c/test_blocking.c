/*
 * blocking: while a callback runs in one thread, other threads use the same
 * context: callbacks may wait for them. (lib_blocking has remove_cb below a
 * flush and an eviction, where stock libssl up to 3.5 holds its lock.)
 */
#include "crowd.h"

int main(void)
{
    begin();
    blocked_in(BLOCK_NEW);
    blocked_in(BLOCK_GET);
    blocked_in(BLOCK_REMOVE);
    return finish();
}
