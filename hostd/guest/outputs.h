/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_OUTPUTS_H
#define VEDETTE_GUEST_OUTPUTS_H

/* outputs: what xrandr says about a card's outputs, and what it is to be told. */

#include <stdbool.h>

#include "hostd/guest/places.h"

#define OUTPUTS_NAME_MAX 64 /* bytes, terminator included */

struct output {
    char name[OUTPUTS_NAME_MAX];
    bool connected;
    bool on; /* not connected, but X still draws it */
};

/* Takes one line of `xrandr --query`; false when it is not that of an output. */
bool outputs_parse(const char *line, struct output *ret_output);

#define OUTPUTS_WORDS 6 /* at most, for one output */

struct outputs_command {
    char *argv[1 + PLACES_MAX * OUTPUTS_WORDS + 1]; /* borrowed from the outputs and from below */
    char at[PLACES_MAX][32];
};

/*
 * All outputs in one go, so that X makes one change of it: each connected one has its preferred
 * mode, others are off. One alone stands at 0, 0; several where they are wanted, and those of which
 * nothing is known each to the right of the one before. False when none is connected.
 */
bool outputs_command(const struct output *outputs, int count, const struct places *places,
                     struct outputs_command *ret_command);

#endif
