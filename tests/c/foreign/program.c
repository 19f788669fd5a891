/*
 * program PLUGIN...: opens plugins one by one, as an interpreter does, and lets
 * each use its libssl; then all again. Linked with libssl it uses that, too.
 */
#ifdef WITH_LIBSSL
#include "use.h"
#else
#include <dlfcn.h>
#include <stdio.h>
#define use(who) (void)(who)
#endif

int main(int argc, char **argv)
{
    void (*run[8])(const char *);
    char who[16];

    use("program");
    for (int i = 1; i < argc && i < 8; i++) {
        void *plugin = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
        if (plugin == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        *(void **)&run[i] = dlsym(plugin, "run");
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 1; i < argc && i < 8; i++) {
            snprintf(who, sizeof who, "plugin %d", i);
            run[i](who);
        }
    }
    use("program");
    return 0;
}
