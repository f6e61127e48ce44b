/* SPDX-License-Identifier: Apache-2.0 */
/* VMDKs: any bytes; what passes is one file with a sane size and says nothing of a parent. */
#include "hostd/image/vmdk.h"

#include <stdlib.h>
#include <string.h>

#include "hostd/image/qcow2.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *foot = size >= VMDK_FOOT ? data + size - VMDK_FOOT : NULL;
    guint64 shown = 0;

    if (vmdk_check(data, MIN(size, VMDK_HEAD_MAX), foot, size, &shown, NULL) &&
        (shown == 0 || shown > IMAGE_DISK_SIZE_MAX ||
         memmem(data, MIN(size, VMDK_HEAD_MAX), "parentFileNameHint", 18) != NULL)) {
        abort();
    }
    return 0;
}
