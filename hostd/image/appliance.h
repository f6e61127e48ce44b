/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_APPLIANCE_H
#define VEDETTE_IMAGE_APPLIANCE_H

/*
 * appliance: makes a revision of an OVA, or of an OVF with its files beside it.
 *
 * All of it is foreign. The descriptor (ovf.h) says which file is the disk; digests are compared
 * where there is a list of them; the disk has to pass vmdk_check() before qemu-img sees it, and
 * what qemu-img made of it image_qcow2_check_file(). A signature (.cert) is not looked at.
 */

#include "hostd/image/import.h"

/* True for a path that ends with .ova or .ovf. */
bool image_is_appliance(const char *path);

/*
 * As image_import_run(). *ret_notes: what its user should know, texts (g_ptr_array_unref()); NULL
 * with an error.
 */
struct image_manifest *image_appliance_run(const struct image_import *import, GPtrArray **ret_notes,
                                           GError **error);

#endif
