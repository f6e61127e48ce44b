/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_USERDISK_H
#define KVM_USERDISK_H

/*
 * userdisk: the disk with a user's own files, which follows her from desktop to desktop of a pool.
 *
 * FOLDER/POOL/USER.img, a sparse file without a format: there is nothing in it that a guest could
 * have written to make the host open something else. An open disk is locked (flock), and the lock
 * belongs to the descriptor that the machine gets: it is held exactly as long as a machine can
 * write, whatever becomes of hostd.
 */

#define KVM_USERDISK_NAME_MAX 200u /* bytes of a file name, escapes included */

/*
 * Opens the disk, made or grown to size_mb where it has to be; never shrunk. A descriptor for
 * reading and writing that is locked, or a negative errno: -EBUSY when a machine has it.
 */
int kvm_userdisk_open(const char *folder, const char *pool, const char *user, unsigned size_mb);

/* Deletes it for good; -EBUSY when a machine has it. 0 also when there is none. */
int kvm_userdisk_remove(const char *folder, const char *pool, const char *user);

#endif
