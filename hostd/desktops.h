/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_DESKTOPS_H
#define HOSTD_DESKTOPS_H

/*
 * desktops: what this host has, brought towards what the broker wants.
 *
 * Level-triggered and idempotent: the same list may come any number of times. A desktop that the
 * list does not name is left alone; only an explicit "gone" of the same or a higher epoch ends one.
 */

#include <glib.h>
#include <jansson.h>

#include "hostd/images.h"
#include "hostd/kvm/machine.h"
#include "hostd/overhead.h"
#include "hostd/templates.h"

#define HOSTD_MAX_DESKTOPS 1024u

struct hostd_desktops;

/* From the loop. */
struct hostd_desktops_events {
    void (*changed)(void *user_data); /* something that a report shows */
    /* The screen that somebody left; message is for the broker and owned. */
    void (*picture)(json_t *message, void *user_data);
};

/*
 * Adopts what runs and removes folders in which nothing was ever started. environment, images,
 * templates and events are borrowed. Never NULL.
 */
struct hostd_desktops *hostd_desktops_new(const struct kvm_environment *environment,
                                          struct hostd_images *images,
                                          struct hostd_templates *templates,
                                          const struct hostd_desktops_events *events,
                                          void *user_data);
/* Lets go of everything; machines and streamers run on. Accepts NULL. */
void hostd_desktops_free(struct hostd_desktops *desktops);

/*
 * Applies the "desktops" array of a desired message; an entry that makes no sense is skipped, one
 * whose image has not been checked or whose template is not made yet waits. A reference to the
 * array is kept, for hostd_desktops_apply_again() when a check has ended.
 */
void hostd_desktops_apply(struct hostd_desktops *desktops, json_t *wanted);
void hostd_desktops_apply_again(struct hostd_desktops *desktops);

/* Once a second: what has to be looked after without an event. */
void hostd_desktops_tend(struct hostd_desktops *desktops, enum kvm_room room);

/* Adoption has come to a result for every desktop. */
bool hostd_desktops_are_settled(const struct hostd_desktops *desktops);

/* The parked desktop of the pool in whose memory that user's disk is mounted, or NULL; borrowed. */
const char *hostd_desktops_parked_with(const struct hostd_desktops *desktops, const char *pool,
                                       const char *user);

/* The "desktops" array of an observed message. New reference. */
json_t *hostd_desktops_report(const struct hostd_desktops *desktops);

/* Memory that running machines were promised and have not touched yet, in MiB. */
unsigned hostd_desktops_promised_mb(const struct hostd_desktops *desktops);

/* Notes each machine with a process. */
void hostd_desktops_note_running(const struct hostd_desktops *desktops,
                                 struct hostd_overhead *overhead);

#endif
