/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/places.h"

#include <stdlib.h>
#include <string.h>

#include "hostd/guest/port.h"

#define TEXT_MAX 64 /* bytes; four pairs of five digits have less */

/* Digits alone, up to PLACES_SIDE; -1 for anything else. */
static int
take_number(const char **text)
{
    int value = 0;

    if (**text < '0' || **text > '9') {
        return -1;
    }
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        value = value * 10 + (**text - '0');
        if (value > PLACES_SIDE) {
            return -1;
        }
    }
    return value;
}

bool
places_read(const char *text, struct places *ret_places)
{
    struct places places = {0};

    while (places.count < PLACES_MAX) {
        int x = take_number(&text);
        int y = x >= 0 && *text++ == ',' ? take_number(&text) : -1;

        if (x < 0 || y < 0) {
            return false;
        }
        places.x[places.count] = x;
        places.y[places.count++] = y;
        if (*text == '\0') {
            *ret_places = places;
            return true;
        }
        if (*text++ != ' ') {
            return false;
        }
    }
    return false;
}

bool
places_parse(const char *line, size_t size, struct places *ret_places)
{
    char text[TEXT_MAX];

    return guest_port_parse_member(line, size, "at", text, sizeof(text)) &&
           places_read(text, ret_places);
}
