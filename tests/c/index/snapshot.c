/*
 * snapshot FILE: reads what a table of the core has outside its heap, the head,
 * then each chunk, and the notes if there are any, and keys from the standard
 * input. Writes for each key its hash with the table's seeds, its spread, and what
 * ssc_index_find says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "index.c"

static struct ssc_index head;

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s\n", what);
    exit(2);
}

/* Reads a chunk, if the head has it. */
static void *read_chunk(FILE *file, const void *there, int chunk, size_t item)
{
    const size_t items = (size_t)SSC_INDEX_FIRST << (chunk > 0 ? chunk - 1 : 0);
    void *here;

    if (there == NULL)
        return NULL;
    need(posix_memalign(&here, 64, items * item) == 0, "no memory");
    need(fread(here, item, items, file) == items, "the file is too short");
    return here;
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    sscore_key key;

    need(file != NULL && fread(&head, sizeof head, 1, file) == 1, "no head");
    for (int i = 0; i < SSC_INDEX_CHUNKS; i++)
        head.line_chunks[i] =
            read_chunk(file, head.line_chunks[i], i, sizeof(struct ssc_index_line));
    for (int i = 0; i < SSC_INDEX_CHUNKS; i++)
        head.overflow_chunks[i] =
            read_chunk(file, head.overflow_chunks[i], i, sizeof(struct ssc_index_line));
    for (int i = 0; i < SSC_INDEX_CHUNKS; i++)
        head.entry_chunks[i] =
            read_chunk(file, head.entry_chunks[i], i, sizeof(struct ssc_index_entry));
    struct ssc_index_notes *notes = head.notes;
    if (notes != NULL) {
        need(posix_memalign((void **)&notes, 64, sizeof *notes) == 0, "no memory");
        need(fread(notes, sizeof *notes, 1, file) == 1, "the file is too short");
        head.notes = notes;
    }
    need(fgetc(file) == EOF, "the file is too long");
    fclose(file);
    while (fread(&key, sizeof key, 1, stdin) == 1) {
        struct ssc_index_item item = {0};
        struct ssc_index_key own = {.key = key};
        ssc_index_hash(&head, &own);
        const enum ssc_index_answer answer = ssc_index_find(&head, &own, &item);
        ssc_index_prefetch(&head, &own);
        printf("%u %u %d %llu %u\n", own.hash, spread(&own), (int)answer,
               (unsigned long long)item.ref, item.number);
    }
    return 0;
}
