/* lib_workers_modes: NO_INTERNAL_LOOKUP and NO_INTERNAL_STORE hold for what workers share, too. */
#include "workers.h"

int main(void)
{
    begin();
    workers_modes(NULL);
    return finish();
}
