/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_TEMPLATE_H
#define KVM_TEMPLATE_H

/*
 * template: a machine that was frozen when its guest was ready and quiet, for others to be forked
 * from: its memory, the state of its devices and its disk, in a folder of its own.
 *
 * QEMU's "VM templating": the memory is mapped privately by each fork, the device state was saved
 * with x-ignore-shared and so without the memory. Everything in a finished template is immutable.
 */

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

#include "hostd/kvm/probe.h"

#define KVM_TEMPLATE_FILE     "template.json"
#define KVM_TEMPLATE_MAX_SIZE (16u * 1024u)
#define KVM_TEMPLATE_RAM      "ram"
#define KVM_TEMPLATE_STATE    "state"

/* What a template is of; only an equal machine can be forked from it. Strings are borrowed. */
struct kvm_shape {
    const char *image, *digest; /* digest: of the image revision */
    unsigned revision, cpu, memory_mb;
    bool network; /* with a card */
    enum kvm_accel accel;
    const char *engine; /* version of the program that runs it */
};

struct kvm_template {
    char *folder, *disk; /* paths; disk is NULL for an image without one */
    char *state;         /* path */
    int ram_fd;          /* sealed, see ramfile.h */
};

/* The folder's name for that shape: letters and digits; g_free(). */
char *kvm_template_name(const struct kvm_shape *shape);

/*
 * Finishes the template in folder: its files are on the disk before template.json, the last one,
 * says that it is one; what only the machine needed goes. 0 or a negative errno.
 */
int kvm_template_write(const struct kvm_shape *shape, const char *folder);

/* What template.json in folder says, unchecked; NULL for a folder that holds no finished one. */
json_t *kvm_template_describe(const char *folder);

/*
 * Opens a finished template, which takes as long as its memory needs to be read. NULL and *error
 * when there is none in folder (G_IO_ERROR_NOT_FOUND), or it is damaged or of another shape.
 */
struct kvm_template *kvm_template_load(const struct kvm_shape *shape, const char *folder,
                                       GError **error);
/* The same for one that was just made, whose sealed memory is still at hand; takes ram_fd. */
struct kvm_template *kvm_template_new(const char *folder, int ram_fd);
void kvm_template_free(struct kvm_template *template); /* accepts NULL */

#endif
