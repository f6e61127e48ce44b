/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_TRASH_H
#define HOSTD_TRASH_H

/* trash: what becomes of this host's deleted disks (hostd/kvm/trash.h has them). */

#include <jansson.h>

/* Deletes what has had its time and, while the disk is nearly full, the oldest beyond that. */
void hostd_trash_reap(const char *folder);

/* Deletes the entries that ids names, or all of them when it is no array. */
void hostd_trash_empty(const char *folder, const json_t *ids);

/* The "trash" array of an observed message. New reference. */
json_t *hostd_trash_report(const char *folder);

#endif
