/* A plugin; it may bring a libssl of its own, as Python extensions do. */
#include "use.h"

void run(const char *who);

void run(const char *who)
{
    use(who);
}
