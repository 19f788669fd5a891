/*
 * threads: four threads make connections with one server context, and others
 * add, remove and flush beside them. Nothing is lost, nothing is freed twice.
 * What resumes depends on the flushes, so only sums that must hold are printed.
 */
#include "crowd.h"

int main(void)
{
    begin();
    crowd_round(TLS1_2_VERSION, 0);
    crowd_round(TLS1_3_VERSION, 0);
    crowd_round(0, 0);
    return finish();
}
