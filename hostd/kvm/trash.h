/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_TRASH_H
#define KVM_TRASH_H

/*
 * trash: the disks of desktops that were deleted, for a while.
 *
 * One folder an entry, TRASH/ID, with the disk, the template's overlay that it may stand on, and
 * trash.json. Everything comes and goes by rename, so that it costs neither time nor room, and a
 * process that was killed in the middle can do the same again.
 */

#include <glib.h>
#include <stdint.h>

#include "hostd/kvm/record.h"

#define KVM_TRASH_FILE     "trash.json"
#define KVM_TRASH_MAX_SIZE (16u * 1024u)
#define KVM_TRASH_MAX      4096u /* entries that are looked at */

struct kvm_trash_entry {
    char *id, *pool, *user, *image; /* owned */
    unsigned revision, cpu, memory_mb;
    int64_t deleted_ms, expires_ms; /* wall clock */
    uint64_t bytes;                 /* that it takes on the disk */
};

/*
 * Moves the disk of a desktop whose machine has ended from its folder into the trash, for
 * record->keep_ms. 0 also when there is no disk (any more), else a negative errno.
 */
int kvm_trash_put(const char *trash, const struct kvm_record *record, const char *folder);

/* Moves it back into the folder of another desktop; -ENOENT when it is not there (any more). */
int kvm_trash_take(const char *trash, const char *id, const char *folder);

/* Deletes an entry for good; 0 or a negative errno. */
int kvm_trash_remove(const char *trash, const char *id);

/* struct kvm_trash_entry, the oldest first; never NULL. What does not read is passed over. */
GPtrArray *kvm_trash_list(const char *trash);

#endif
