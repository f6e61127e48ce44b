/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay-main: runs a fuzz target over a corpus without libFuzzer and prints TAP.
 *
 * The folder is the first argument or, for a program replay-NAME, CORPUS_DIR/NAME. Each file is
 * run whole and cut short at every length up to MAX_PREFIX, in memory of exactly that size, so that
 * a sanitizer sees a read past the end.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/fd.h"
#include "tests/fuzz/fuzz.h"

#define MAX_FILE   (1u << 20)
#define MAX_PREFIX 512u

static void
run(const char *data, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);

    if (exact == NULL) {
        abort();
    }
    memcpy(exact, data, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static int
replay(const char *folder, const char *name)
{
    char path[4096];
    char *data;
    size_t size;
    size_t part;

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path) ||
        vd_file_read(path, MAX_FILE, &data, &size) != 0) {
        return -1;
    }
    for (part = 0; part < size && part <= MAX_PREFIX; part++) {
        run(data, part);
    }
    run(data, size);
    free(data);
    return 0;
}

static int
is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int
main(int argc, char **argv)
{
    const char *name = strstr(argv[0], "replay-");
    struct dirent **entries = NULL;
    char folder[4096];
    int failed = 0;
    int count;
    int i;

    if (argc > 1) {
        (void)snprintf(folder, sizeof(folder), "%s", argv[1]);
    } else {
        const char *last = name;

        while (last != NULL && (last = strstr(last + 1, "replay-")) != NULL) {
            name = last; /* the folder of the build may hold the word too */
        }
        (void)snprintf(folder, sizeof(folder), "%s/%s", CORPUS_DIR, name != NULL ? name + 7 : "");
    }
    count = scandir(folder, &entries, is_file, alphasort);
    if (count <= 0) {
        printf("1..1\nnot ok 1 - no corpus in %s\n", folder);
        return EXIT_FAILURE;
    }
    printf("1..%d\n", count);
    for (i = 0; i < count; i++) {
        int result = replay(folder, entries[i]->d_name);

        printf("%s %d - %s\n", result == 0 ? "ok" : "not ok", i + 1, entries[i]->d_name);
        (void)fflush(stdout);
        failed += result != 0;
        free(entries[i]);
    }
    free(entries);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
