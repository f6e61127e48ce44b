/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay-main: runs a fuzz target over its corpus without a fuzzer, as TAP.
 *
 * The corpus of fuzz-NAME is the folder FUZZ_CORPUS/NAME; files given as arguments replace it.
 */
#include <dirent.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/fd.h"

#define MAX_FILE (64u * 1024u * 1024u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay(const char *path, unsigned number)
{
    char *data = NULL;
    uint8_t *exact;
    size_t size = 0;
    int result = vd_file_read(path, MAX_FILE, &data, &size);

    if (result < 0) {
        printf("not ok %u - %s: %s\n", number, path, strerror(-result));
        return -1;
    }
    /* A copy of the exact size: the sanitizer sees the first byte that is read beyond it. */
    exact = malloc(size > 0 ? size : 1);
    if (exact != NULL) {
        memcpy(exact, data, size);
        (void)LLVMFuzzerTestOneInput(exact, size);
    }
    free(exact);
    free(data);
    printf("ok %u - %s\n", number, path);
    return 0;
}

static int
is_file_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int
main(int argc, char **argv)
{
    const char *root = getenv("FUZZ_CORPUS");
    const char *name = strstr(basename(argv[0]), "fuzz-");
    struct dirent **entries = NULL;
    char path[PATH_MAX];
    unsigned number = 0;
    int failed = 0;
    int count = 0;
    int i;

    for (i = 1; i < argc; i++) {
        failed |= replay(argv[i], ++number);
    }
    if (argc == 1) {
        if (root == NULL || name == NULL ||
            snprintf(path, sizeof(path), "%s/%s", root, name + 5) >= (int)sizeof(path) ||
            (count = scandir(path, &entries, is_file_name, alphasort)) <= 0) {
            printf("1..1\nnot ok 1 - no corpus: set FUZZ_CORPUS or name files\n");
            return 1;
        }
    }
    for (i = 0; i < count; i++) {
        char file[PATH_MAX];

        if (snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name) < (int)sizeof(file)) {
            failed |= replay(file, ++number);
        }
        free(entries[i]);
    }
    free(entries);
    printf("1..%u\n", number);
    return failed == 0 ? 0 : 1;
}
