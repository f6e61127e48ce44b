/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_RAMFILE_H
#define KVM_RAMFILE_H

/*
 * ramfile: the memory of a template, which forked machines map privately.
 *
 * It lives in a memory file without a name. Sealed, it can be neither written nor resized by
 * anybody, not even by a machine that opens it for writing, as QEMU 7.2 does for a private mapping:
 * what one machine does to it no other will see. A sparse copy on disk outlives this process.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* An empty one of size bytes, open for any user that is handed it; or a negative errno. */
int kvm_ramfile_new(uint64_t size);

/* For good; false when somebody still has it mapped for writing. */
bool kvm_ramfile_seal(int fd);

/* Writes what is not zero to a new file, to the disk. 0 or a negative errno. May take seconds. */
int kvm_ramfile_save(int fd, const char *path);

/* A sealed one with the contents of a saved file of exactly size bytes; or a negative errno. */
int kvm_ramfile_load(const char *path, uint64_t size);

#endif
