/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PIPE_H
#define GATEWAY_PIPE_H

/*
 * pipe: bytes on their way from one end of a stream to the other.
 *
 * It knows where records end, so that a last message (GOAWAY) can be put behind a whole record
 * instead of into the middle of one. Pure: no I/O.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/wire/buffer.h"
#include "protocol/wire/record.h"

#define GATEWAY_PIPE_MAX  (1024u * 1024u) /* bytes that may wait */
#define GATEWAY_PIPE_HIGH (256u * 1024u)  /* stop reading from the source */
#define GATEWAY_PIPE_LOW  (64u * 1024u)   /* read again */

struct gateway_pipe {
    struct vdp_buffer buffer;
    size_t head;       /* bytes of buffer that have gone */
    uint64_t put;      /* bytes put in, ever */
    uint64_t boundary; /* of these, up to the end of the last whole record */
    uint8_t header[VDP_RECORD_HEADER_SIZE];
    unsigned header_size;
    uint32_t body_left;
};

void gateway_pipe_clear(struct gateway_pipe *pipe);
/* False when more than GATEWAY_PIPE_MAX would wait, or memory is short. */
bool gateway_pipe_put(struct gateway_pipe *pipe, const uint8_t *data, size_t size);
size_t gateway_pipe_size(const struct gateway_pipe *pipe);
const uint8_t *gateway_pipe_data(const struct gateway_pipe *pipe);
void gateway_pipe_take(struct gateway_pipe *pipe, size_t size);
/*
 * Drops what follows the last whole record and puts a last record behind it. False, and nothing
 * changed, when a part of the record that would be dropped has gone already.
 */
bool gateway_pipe_end(struct gateway_pipe *pipe, const uint8_t *data, size_t size);

#endif
