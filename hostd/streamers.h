/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_STREAMERS_H
#define HOSTD_STREAMERS_H

/*
 * streamers: one vedette-streamer beside each running machine.
 *
 * Started through vedette-launch, found again after a restart of hostd, started anew with a fresh
 * display when it dies. A stream's token works once, so that an order to dial goes out at most once
 * per stream id, even across restarts: the id is written down first.
 */

#include <glib.h>
#include <jansson.h>

#include "hostd/kvm/machine.h"

struct hostd_streamer;

/* None may free the streamer. */
struct hostd_streamer_events {
    void (*changed)(struct hostd_streamer *streamer, void *user_data); /* what a report shows */
    /* The screen that a client left; message is for the broker and owned. */
    void (*picture)(struct hostd_streamer *streamer, json_t *message, void *user_data);
};

/* machine, environment and events are borrowed and must outlive it. Never NULL. */
struct hostd_streamer *hostd_streamer_new(const struct kvm_environment *environment,
                                          struct kvm_machine *machine,
                                          const struct hostd_streamer_events *events,
                                          void *user_data);
/* Lets go of it; the process runs on for adoption. Accepts NULL. */
void hostd_streamer_free(struct hostd_streamer *streamer);
/* Ends the process, as its machine is ending; then frees. Accepts NULL. */
void hostd_streamer_end(struct hostd_streamer *streamer);

/*
 * Ends what an earlier hostd started for the desktop id, whose machine ended while nobody was
 * looking.
 */
void hostd_streamer_end_left(const struct kvm_environment *environment, const char *id);

/*
 * What the broker wants streamed: {"id","url","token","ca"}, JSON null for nothing. Borrowed.
 * NULL before the broker has said anything: a stream that an earlier hostd began then goes on.
 * picture: whether the screen is to be told to the broker when the client leaves it. monitors: how
 * many the pool lets a client have, where the machine can.
 */
void hostd_streamer_want(struct hostd_streamer *streamer, const json_t *stream, bool picture,
                         unsigned monitors);

/* Looks whether something is due: the machine changed, or a second has passed. */
void hostd_streamer_tend(struct hostd_streamer *streamer);

/* pid 0: none that is known. */
struct vd_process hostd_streamer_process(const struct hostd_streamer *streamer);

/*
 * {"id","state"} of the wanted stream, or JSON null. state: "starting" (the order has not gone
 * out), "dialling", "waiting", "streaming" as the streamer says, or "lost": it will not come again,
 * a new stream is needed. Beside them "figures", how the stream does, once there are some. New
 * reference.
 */
json_t *hostd_streamer_report(const struct hostd_streamer *streamer);

#endif
