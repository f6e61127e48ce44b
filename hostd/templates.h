/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_TEMPLATES_H
#define HOSTD_TEMPLATES_H

/*
 * templates: what this host's desktops are forked from.
 *
 * One template for each shape: image revision, processors, memory. The first desktop that wants to
 * be forked has it made: a machine of its own is booted, frozen and written down; one at a time.
 * What cannot be made is said, and desktops of that shape are booted as if nobody had asked.
 */

#include <glib.h>
#include <jansson.h>

#include "hostd/images.h"
#include "hostd/kvm/machine.h"

enum hostd_fork {
    HOSTD_FORK_READY,
    HOSTD_FORK_WAIT,  /* it is being made; changed will be called */
    HOSTD_FORK_NEVER, /* the desktop has to be booted */
};

struct hostd_templates;

/* Something became ready or failed; from the loop. */
typedef void (*hostd_templates_changed_fn)(void *user_data);

/*
 * folder holds one folder a template. What was left there half done is ended and removed. engine
 * names the program's version. environment and images are borrowed. Never NULL.
 */
struct hostd_templates *hostd_templates_new(const struct kvm_environment *environment,
                                            const struct hostd_images *images, const char *folder,
                                            const char *engine, hostd_templates_changed_fn changed,
                                            void *user_data);
/* Accepts NULL. */
void hostd_templates_free(struct hostd_templates *templates);

/*
 * The template for an order whose files are known, and begins to make it if need be. *ret_template
 * is borrowed until the loop runs again. *ret_text says why not, or for how long to wait; borrowed.
 */
enum hostd_fork hostd_templates_find(struct hostd_templates *templates,
                                     const struct kvm_order *order,
                                     const struct kvm_template **ret_template,
                                     const char **ret_text);

/* A fork of that record became ready, or failed before: two failures in a row end a template. */
void hostd_templates_note(struct hostd_templates *templates, const struct kvm_record *record,
                          bool good);

/* A desktop of that record runs: its template stays in memory. */
void hostd_templates_touch(struct hostd_templates *templates, const struct kvm_record *record);

/* Once a second. */
void hostd_templates_tend(struct hostd_templates *templates);

/* What an administrator should know of one that cannot be made, or NULL; borrowed. */
const char *hostd_templates_trouble(const struct hostd_templates *templates);

/* The "templates" array of an observed message. New reference. */
json_t *hostd_templates_report(const struct hostd_templates *templates);

#endif
