/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_PLACES_H
#define VEDETTE_GUEST_PLACES_H

/*
 * places: where the host wants a guest's monitors, as it says in "monitors":
 * {"type":"monitors","at":"0,0 1920,0"}, a pair for each, in the order of the card's outputs. The
 * drivers of Linux 6.1 do not pass on what the card itself says about that.
 */

#include <stdbool.h>
#include <stddef.h>

#define PLACES_MAX  4
#define PLACES_SIDE 16384 /* pixels */

struct places {
    int count; /* 0: nothing is known */
    int x[PLACES_MAX], y[PLACES_MAX];
};

/* False, and nothing changed, when the line is no such message. */
bool places_parse(const char *line, size_t size, struct places *ret_places);
/* The pairs alone. */
bool places_read(const char *text, struct places *ret_places);

#endif
