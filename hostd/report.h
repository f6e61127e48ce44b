/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_REPORT_H
#define HOSTD_REPORT_H

/* report: what this host says about itself, as JSON messages. docs/PROTOCOL.md, "Host link". */

#include <jansson.h>

#include "hostd/desktops.h"
#include "hostd/images.h"
#include "hostd/kvm/probe.h"
#include "hostd/overhead.h"
#include "hostd/templates.h"

/* New references. */
json_t *hostd_report_hello(const char *name, const char *boot_id, const struct kvm_probe *probe);
json_t *hostd_report_observed(uint64_t seq, const struct hostd_desktops *desktops,
                              const struct hostd_images *images,
                              const struct hostd_templates *templates,
                              const struct hostd_overhead *overhead, const char *state_folder,
                              const char *trash_folder);

/* How much is left on the disk of the state folder. */
enum kvm_room hostd_report_room(const char *state_folder);

/* The kernel's name for this boot, "" when it cannot be read; g_free(). */
char *hostd_report_boot_id(void);

#endif
