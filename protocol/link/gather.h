/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LINK_GATHER_H
#define LINK_GATHER_H

/*
 * gather: many TLS records in one system call, between a connection's TLS and its socket.
 *
 * OpenSSL reads the five bytes of a record's head and then its body, and writes each record by
 * itself. Here a read takes what the socket has, up to VDP_GATHER_BYTES, and TLS is served from
 * that; and what TLS writes between vdp_gather_begin() and vdp_gather_end() goes out in one piece.
 * One thread only: buffers are shared by all connections and kept only while something waits.
 */

#include <stdbool.h>
#include <stddef.h>

#define VDP_GATHER_BYTES (128u * 1024u)

struct vdp_gather;

/* Bytes were read that TLS did not ask for: the socket will not say that they are there. */
typedef void (*vdp_gather_more_fn)(void *user_data);

/*
 * Puts itself below an SSL that has an ordinary socket and has done its handshake; NULL without
 * memory, with nothing changed. Works until the SSL is freed; vdp_gather_free() only lets go.
 */
struct vdp_gather *vdp_gather_new(void *ssl, vdp_gather_more_fn more, void *user_data);
void vdp_gather_free(struct vdp_gather *gather);

/* Bytes that came and that TLS has not taken yet. */
size_t vdp_gather_waiting(const struct vdp_gather *gather);

/* What TLS writes from now on is kept, until the end. Not nested, and one connection at a time. */
void vdp_gather_begin(struct vdp_gather *gather);
/* Writes what was kept. 0, 1 when a part waits for room in the socket (call this again), or -1. */
int vdp_gather_end(struct vdp_gather *gather);

#endif
