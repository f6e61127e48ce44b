/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_HOSTD_H
#define HOSTD_HOSTD_H

/*
 * hostd: the daemon put together: desktops, images, the link to the broker, and when each is due.
 *
 * Needs no broker to run on: what was ordered stays, a link that comes back brings new orders.
 */

#include "hostd/kvm/machine.h"
#include "hostd/kvm/probe.h"
#include "hostd/uplink.h"

struct hostd;

struct hostd_options {
    const char *state;  /* folder of hostd's own */
    const char *images; /* folder with NAME/REVISION */
    const char *broker, *ca, *name;
    const char *engine; /* path of the machine program */
    int join_fd;        /* owned; -1: none */
    long renew_s;       /* a certificate with less time left is renewed */
    unsigned boot_ms, shutdown_ms, quit_ms;
};

/*
 * Starts everything on the default main context. launch and probe are borrowed; strings are copied
 * or borrowed for its life. Never NULL.
 */
struct hostd *hostd_new(const struct hostd_options *options, struct vd_launch *launch,
                        const struct kvm_probe *probe);
void hostd_free(struct hostd *hostd); /* desktops run on; accepts NULL */

#endif
