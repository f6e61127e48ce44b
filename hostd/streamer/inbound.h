/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_INBOUND_H
#define STREAMER_INBOUND_H

/*
 * inbound: what a client sends, from bytes to decoded messages. Pure; the only parser of client
 * bytes in the streamer.
 *
 * Every record passes the permit table before it is decoded. Errors are sticky: after a negative
 * return the connection is to be closed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/wire/messages.h"

/* Larger than any record a client may send; unknown records that may be skipped fit as well. */
#define STREAMER_MAX_INBOUND (64u * 1024u)

struct streamer_inbound;

/* None may be NULL. Messages are borrowed. None may free the inbound. */
struct streamer_inbound_events {
    /* Returns 0 and the connection is live, or VDP_ERR_VERSION. */
    int (*hello)(const struct vdp_hello *hello, void *user_data);
    void (*goaway)(const struct vdp_goaway *goaway, void *user_data);
    void (*ping)(const struct vdp_ping *ping, void *user_data);
    void (*pong)(const struct vdp_ping *pong, void *user_data);
    void (*key)(const struct vdp_key *key, void *user_data);
    void (*pointer)(const struct vdp_pointer *pointer, void *user_data);
    void (*button)(const struct vdp_button *button, void *user_data);
    void (*wheel)(const struct vdp_wheel *wheel, void *user_data);
    void (*motion)(const struct vdp_motion *motion, void *user_data);
    void (*release_all)(void *user_data);
    void (*locks)(const struct vdp_locks *locks, void *user_data);
    void (*text)(const struct vdp_text *text, void *user_data);
    void (*set_size)(const struct vdp_set_size *size, void *user_data);
    void (*monitors)(const struct vdp_monitors *monitors, void *user_data);
    int (*ack)(const struct vdp_ack *ack, void *user_data); /* 0 or an error */
    void (*refresh)(void *user_data);
    void (*have)(const struct vdp_have *have, void *user_data);
};

/* NULL when memory is short. */
struct streamer_inbound *streamer_inbound_new(const struct streamer_inbound_events *events,
                                              void *user_data);
void streamer_inbound_free(struct streamer_inbound *inbound); /* accepts NULL */

/* Takes all bytes. 0 or enum vdp_error. */
int streamer_inbound_push(struct streamer_inbound *inbound, const uint8_t *data, size_t size);

#endif
