/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_BACKUP_H
#define KVM_BACKUP_H

/*
 * backup: a copy of a running machine's disk as it is at one moment, while it runs on.
 *
 * For a program of its own, beside hostd: it goes over the machine's second monitor and blocks. The
 * moment is that of blockdev-backup's start; what the guest holds in its memory by then is not on
 * the disk and so not in the copy, as after a power cut.
 */

#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

/* How much is copied, in bytes of the machine's own count; false ends it. */
typedef bool (*kvm_backup_step_fn)(uint64_t done, uint64_t total, void *user_data);

/*
 * Copies what the desktop's own disk holds beyond what it stands on into target, an empty file open
 * for reading and writing, as a qcow2 that names no other file. folder is a descriptor of the
 * desktop's folder, size what its guest sees in bytes. False with an error of G_IO_ERROR:
 * CONNECTION_REFUSED when no machine runs, CANCELLED when step said so.
 */
bool kvm_backup_run(int folder, int target, uint64_t size, kvm_backup_step_fn step, void *user_data,
                    GError **error);

#endif
