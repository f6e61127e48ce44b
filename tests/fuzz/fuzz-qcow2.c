/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of qcow2 disks: any bytes; what passes names no other file and is not too large. */
#include "hostd/image/qcow2.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t nothing[12];
    guint64 shown = 0;

    if (image_qcow2_check(data, size, size, false, &shown, NULL) &&
        (shown == 0 || shown > IMAGE_DISK_SIZE_MAX || memcmp(data + 8, nothing, 12) != 0 ||
         (data[7] == 3 && (data[79] & 0xf7) != 0) ||
         !image_qcow2_check(data, size, size, true, NULL, NULL))) {
        abort();
    }
    (void)image_qcow2_check(data, size, size, true, NULL, NULL);
    return 0;
}
