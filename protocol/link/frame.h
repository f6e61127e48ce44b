/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_FRAME_H
#define VDP_FRAME_H

/*
 * frame: JSON messages as records, and the system calls that carry them. Inside protocol/link only.
 */

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/wire/record.h"

/* A whole record (g_free), or NULL when the text does not fit into max_body bytes. */
uint8_t *vdp_frame_encode(const json_t *message, size_t max_body, size_t *ret_size);

/* The object in a record (json_decref), or NULL and *ret_text (static) says what is wrong. */
json_t *vdp_frame_decode(const struct vdp_record *record, const char **ret_text);

/* Bytes sent, or a negative errno. fd: rides along, or -1. */
ssize_t vdp_frame_write(int socket_fd, const uint8_t *data, size_t size, int fd);

/*
 * Bytes received, 0 at the end, or a negative errno. Descriptors that came along are put into fds
 * (max_fds of them); when there were more, all are closed and the result is -EPROTO.
 */
ssize_t vdp_frame_read(int socket_fd, uint8_t *data, size_t size, int *fds, size_t max_fds,
                       size_t *ret_fd_count);

#endif
