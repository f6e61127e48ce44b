/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_PATCHMACHINE_H
#define VEDETTE_IMAGE_PATCHMACHINE_H

/*
 * patchmachine: one machine without screen or network that is booted from an image offline, and
 * the line to its agent. Blocks; for a program that does nothing else.
 */

#include <glib.h>
#include <stdbool.h>

#include "hostd/image/manifest.h"
#include "hostd/kvm/probe.h"

struct patchmachine;

struct patchmachine_order {
    const char *folder;                    /* scratch, for its sockets and its log */
    const char *base;                      /* folder with the image's files */
    const struct image_manifest *manifest; /* of these */
    const char *overlay;                   /* the disk that it writes to, over the image's */
    bool takes_scripts;                    /* see hostd/guest/run.h */
    enum kvm_accel accel;
};

/* What runs a machine fastest here, as for desktops; takes up to a second. */
enum kvm_accel patchmachine_accel(void);

/* Starts it; NULL and *error when that does not work. It dies with this program. */
struct patchmachine *patchmachine_new(const struct patchmachine_order *order, GError **error);
/* Kills what still runs. Accepts NULL. */
void patchmachine_free(struct patchmachine *machine);

/* Until its guest says ready. */
bool patchmachine_wait_ready(struct patchmachine *machine, unsigned seconds, GError **error);

/* Whether its agent has offered to run scripts; once it is ready. */
bool patchmachine_takes_scripts(const struct patchmachine *machine);

/*
 * Has its guest run script as root and passes each line of output to tell, as UTF-8 that a terminal
 * does not obey. False when it did not end with status 0 in time, or said more than
 * PATCHMACHINE_MAX_OUTPUT bytes.
 */
#define PATCHMACHINE_MAX_SCRIPT (256u * 1024u)
#define PATCHMACHINE_MAX_OUTPUT (2u * 1024u * 1024u)
bool patchmachine_run(struct patchmachine *machine, const char *script, unsigned seconds,
                      void (*tell)(const char *line), GError **error);

/* Switches it off in order and waits for its end. */
bool patchmachine_switch_off(struct patchmachine *machine, unsigned seconds, GError **error);

#endif
