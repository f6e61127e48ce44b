/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_CONVERT_H
#define VEDETTE_IMAGE_CONVERT_H

/*
 * convert: has qemu-img make a qcow2 of a VMDK that has passed vmdk_check().
 *
 * Its parser meets foreign bytes, so that it runs with as little as possible: its two files as
 * descriptors, no other file and no network; started by root, as a user that owns nothing but these
 * two for as long as it runs. Formats are given, never guessed. It dies with this process.
 */

#include "hostd/image/transfer.h"

/* qemu-img is looked for in PATH. False with an error of IMAGE_ERROR. */
bool convert_vmdk(int vmdk, int qcow2, struct transfer *transfer, GError **error);

#endif
