/*
 * drive: turns byte strings into sequences of calls of the public API and
 * prints what came of them. The same string must give the same transcript on
 * stock libssl and with the library in front; tests/go/differential makes the
 * strings, runs both and compares.
 *
 *   drive          reads inputs from stdin, each after its length (4 bytes,
 *                  little-endian); each transcript ends with a line "== end"
 *   drive FILE...  runs each file
 *
 * An input is a sequence of records of six bytes. The first one chooses the
 * kind of world; each other one is a call with its arguments.
 */
#include "world.h"

#include <unistd.h>

#define INPUT_MAX (1 << 16)

static void run(const unsigned char *input, size_t len)
{
    size_t at;

    alarm(30);
    if (len < RECORD) {
        printf("== end\n");
        return;
    }
    world_begin(input);
    for (at = RECORD; at + RECORD <= len; at += RECORD) {
        printf("%zu: %s\n", at / RECORD, call_name(input + at));
        call(input + at);
        report();
    }
    printf("%zu: end\n", at / RECORD);
    world_end(input[3] & 1);
    printf("== end\n");
}

static size_t read_fully(int fd, void *buf, size_t len)
{
    size_t done = 0;

    while (done < len) {
        const ssize_t n = read(fd, (char *)buf + done, len - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

int main(int argc, char **argv)
{
    static unsigned char input[INPUT_MAX];
    static char out[1 << 16];
    unsigned char size[4];
    int i;

    begin();
    if (argc == 1)
        setvbuf(stdout, out, _IOFBF, sizeof(out));
    world_init();
    for (i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        REQUIRE(file != NULL);
        run(input, fread(input, 1, sizeof(input), file));
        fclose(file);
    }
    while (argc == 1) {
        /* Between inputs the runner may take its time. */
        fflush(stdout);
        alarm(0);
        if (read_fully(STDIN_FILENO, size, sizeof(size)) != sizeof(size))
            break;
        const size_t len = size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16;
        REQUIRE(len <= sizeof(input));
        if (read_fully(STDIN_FILENO, input, len) != len)
            break;
        run(input, len);
    }
    free_certificate();
    return 0;
}
