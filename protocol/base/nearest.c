/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/base/nearest.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static unsigned
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned)(c - 'A' + 'a') : (unsigned char)c;
}

static unsigned
minimum(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment with three rows; both strings are at most VD_NEAREST_MAX bytes. */
static unsigned
edit_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    unsigned rows[3][VD_NEAREST_MAX + 1];
    unsigned *before = rows[0];
    unsigned *previous = rows[1];
    unsigned *current = rows[2];
    size_t i;
    size_t j;

    for (j = 0; j <= b_size; j++) {
        previous[j] = (unsigned)j;
        before[j] = (unsigned)j;
    }
    for (i = 1; i <= a_size; i++) {
        unsigned *spare = before;

        current[0] = (unsigned)i;
        for (j = 1; j <= b_size; j++) {
            unsigned differs = lower(a[i - 1]) != lower(b[j - 1]);

            current[j] =
                minimum(minimum(previous[j], current[j - 1]) + 1, previous[j - 1] + differs);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1])) {
                current[j] = minimum(current[j], before[j - 2] + 1);
            }
        }
        before = previous;
        previous = current;
        current = spare;
    }
    return previous[b_size];
}

const char *
vd_nearest(const char *word, const char *const *candidates)
{
    size_t size = strlen(word);
    unsigned best = (unsigned)size / 3 + 1; /* one slip, and one more for every third letter */
    const char *found = NULL;

    if (size == 0 || size > VD_NEAREST_MAX) {
        return NULL;
    }
    for (; *candidates != NULL; candidates++) {
        size_t candidate_size = strlen(*candidates);
        unsigned distance;

        if (candidate_size > VD_NEAREST_MAX) {
            continue;
        }
        distance = edit_distance(word, size, *candidates, candidate_size);
        /* A word that must be replaced whole is no slip. */
        if (distance < size && (distance < best || (distance == best && found == NULL))) {
            best = distance;
            found = *candidates;
        }
    }
    return found;
}
