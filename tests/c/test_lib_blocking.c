/*
 * lib_blocking: remove_cb waits, below a flush and below an eviction, until
 * another thread has used the same context in every way.
 */
#include "crowd.h"

int main(void)
{
    begin();
    blocked_in(BLOCK_FLUSH);
    blocked_in(BLOCK_EVICTION);
    return finish();
}
