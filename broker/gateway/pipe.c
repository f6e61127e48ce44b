/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/gateway/pipe.h"

#include <string.h>

#define SIZE_AT 4u /* of the size field in a record's header */

void
gateway_pipe_clear(struct gateway_pipe *pipe)
{
    vdp_buffer_clear(&pipe->buffer);
    memset(pipe, 0, sizeof(*pipe));
}

/* Walks over the bytes and remembers where the last whole record ends. */
static void
follow_records(struct gateway_pipe *pipe, const uint8_t *data, size_t size)
{
    size_t at = 0;

    while (at < size) {
        if (pipe->header_size < VDP_RECORD_HEADER_SIZE) {
            pipe->header[pipe->header_size++] = data[at++];
            if (pipe->header_size < VDP_RECORD_HEADER_SIZE) {
                continue;
            }
            pipe->body_left = (uint32_t)pipe->header[SIZE_AT] |
                              (uint32_t)pipe->header[SIZE_AT + 1] << 8 |
                              (uint32_t)pipe->header[SIZE_AT + 2] << 16 |
                              (uint32_t)pipe->header[SIZE_AT + 3] << 24;
        } else {
            size_t part = size - at < pipe->body_left ? size - at : pipe->body_left;

            at += part;
            pipe->body_left -= (uint32_t)part;
        }
        if (pipe->body_left == 0) {
            pipe->boundary = pipe->put + at;
            pipe->header_size = 0;
        }
    }
    pipe->put += size;
}

bool
gateway_pipe_put(struct gateway_pipe *pipe, const uint8_t *data, size_t size)
{
    if (size > GATEWAY_PIPE_MAX - gateway_pipe_size(pipe)) {
        return false;
    }
    if (pipe->head > 0) {
        memmove(pipe->buffer.data, pipe->buffer.data + pipe->head, gateway_pipe_size(pipe));
        pipe->buffer.size -= pipe->head;
        pipe->head = 0;
    }
    vdp_buffer_put(&pipe->buffer, data, size);
    if (pipe->buffer.error != 0) {
        return false;
    }
    follow_records(pipe, data, size);
    return true;
}

size_t
gateway_pipe_size(const struct gateway_pipe *pipe)
{
    return pipe->buffer.size - pipe->head;
}

const uint8_t *
gateway_pipe_data(const struct gateway_pipe *pipe)
{
    return pipe->buffer.data + pipe->head;
}

void
gateway_pipe_take(struct gateway_pipe *pipe, size_t size)
{
    pipe->head += size;
    if (pipe->head == pipe->buffer.size) {
        pipe->head = 0;
        vdp_buffer_reset(&pipe->buffer);
    }
}

bool
gateway_pipe_end(struct gateway_pipe *pipe, const uint8_t *data, size_t size)
{
    uint64_t tail = pipe->put - pipe->boundary;

    if (tail > gateway_pipe_size(pipe)) {
        return false;
    }
    pipe->buffer.size -= (size_t)tail;
    pipe->put = pipe->boundary;
    pipe->header_size = 0;
    pipe->body_left = 0;
    return gateway_pipe_put(pipe, data, size);
}
