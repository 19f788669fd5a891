/*
 * lib_threads: as threads, and sessions get new lifetimes while other threads
 * remove them; stock libssl reads a pointer there that another thread clears.
 */
#include "crowd.h"

int main(void)
{
    begin();
    crowd_round(TLS1_2_VERSION, 1);
    crowd_round(TLS1_3_VERSION, 1);
    crowd_round(0, 1);
    return finish();
}
