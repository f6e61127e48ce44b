/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_CURSOR_H
#define CLIENT_CURSOR_H

/* cursor: the shapes that a stream sent and the one in use. A new stream starts empty. */

#include <stdbool.h>

#include "protocol/wire/messages.h"

#define CLIENT_MAX_CURSORS 32u /* shapes kept; the oldest goes */

struct client_cursor {
    uint32_t id;
    uint16_t width, height, hot_x, hot_y;
    uint8_t *rgba; /* owned; not premultiplied */
};

struct client_cursors {
    struct client_cursor shapes[CLIENT_MAX_CURSORS];
    unsigned count;
    unsigned next; /* the place of the next shape */
    uint32_t used;
    bool visible;
    bool told; /* the host said which one, or none, to show */
};

void client_cursors_clear(struct client_cursors *cursors);
/* Copies the shape. False when memory is short. */
bool client_cursors_add(struct client_cursors *cursors, const struct vdp_cursor_shape *shape);
void client_cursors_use(struct client_cursors *cursors, const struct vdp_cursor_use *use);
/* The host wants no pointer to be seen. */
bool client_cursors_hidden(const struct client_cursors *cursors);
/* The shape in use, or NULL when the pointer is hidden or its shape unknown. */
const struct client_cursor *client_cursors_current(const struct client_cursors *cursors);

#endif
