/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_UPLINK_H
#define HOSTD_UPLINK_H

/*
 * uplink: the link to the broker, dialled again and again for as long as hostd lives.
 *
 * Without a certificate it joins first, with a token that works once, and keeps key and
 * certificate in the state folder. docs/PROTOCOL.md, "Host link".
 */

#include <jansson.h>
#include <stdbool.h>

struct hostd_uplink;

struct hostd_uplink_events {
    /* The broker listens: say hello, then report. */
    void (*opened)(struct hostd_uplink *uplink, void *user_data);
    void (*message)(struct hostd_uplink *uplink, json_t *message, void *user_data); /* borrowed */
};

struct hostd_uplink_options {
    const char *state;  /* folder with host.pem, host.key and name */
    const char *broker; /* "wss://host:port" */
    const char *ca;     /* file; read anew for every attempt */
    const char *name;   /* what to join as, or NULL: the host's own name */
    long renew_s;       /* a certificate with less time left is renewed */
    int join_fd;        /* where a join token can be read, or -1; owned */
};

/* events and user_data are borrowed, options are copied. Never NULL. */
struct hostd_uplink *hostd_uplink_new(const struct hostd_uplink_options *options,
                                      const struct hostd_uplink_events *events, void *user_data);
void hostd_uplink_free(struct hostd_uplink *uplink); /* accepts NULL */

/* Sends message (reference stolen); dropped while there is no link. */
void hostd_uplink_send(struct hostd_uplink *uplink, json_t *message);
bool hostd_uplink_is_open(const struct hostd_uplink *uplink);
const char *hostd_uplink_name(const struct hostd_uplink *uplink); /* this host's name; borrowed */

#endif
