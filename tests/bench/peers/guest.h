/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine's only process needs of its kernel: modules, a display, keys, a port to the host.
 */
#ifndef BENCH_PEERS_GUEST_H
#define BENCH_PEERS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_KEYBOARDS 8

struct guest {
    int card, port;
    int keyboards[GUEST_KEYBOARDS];
    int keyboard_count;
    uint8_t *memory; /* what the display shows after guest_flush */
    uint32_t frame, pitch;
};

/* Ends the program where something is missing. width x height must be a mode of the display. */
void guest_start(struct guest *guest, int width, int height);
/* The host may look at this part now. */
void guest_flush(struct guest *guest, int x, int y, int width, int height);
/* Whether a key went down; forgets all that were pressed. */
bool guest_take_keys(struct guest *guest);

#endif
