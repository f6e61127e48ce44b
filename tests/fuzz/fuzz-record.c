/* SPDX-License-Identifier: Apache-2.0 */
/* The framer: byte 0 says how the rest is cut into pushes. */
#include "protocol/wire/record.h"

#include <stdlib.h>

#include "protocol/wire/messages.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vdp_framer *framer = vdp_framer_new(1u << 20);
    struct vdp_record record;
    size_t at = 1;
    size_t part;
    uint32_t sum = 0;

    if (framer == NULL || size < 2) {
        vdp_framer_free(framer);
        return 0;
    }
    part = data[0] + 1u;
    while (at < size) {
        size_t taken = SIZE_MAX;
        size_t offered = part < size - at ? part : size - at;
        int result = vdp_framer_push(framer, data + at, offered, &taken);

        if (result != 0) {
            break;
        }
        if (taken > offered) {
            abort();
        }
        at += taken;
        while ((result = vdp_framer_next(framer, &record)) == 1) {
            size_t i;

            if ((record.flags & VDP_RECORD_MORE) != 0 || record.size > 1u << 20) {
                abort(); /* a fragment, or more than the framer was told to take */
            }
            for (i = 0; i < record.size; i++) {
                sum += record.body[i];
            }
            (void)vdp_message_permit(&record, (sum & 1) != 0, (sum & 2) != 0);
            taken = 1;
        }
        if (taken == 0) {
            abort(); /* neither took bytes nor gave a record: would hang */
        }
    }
    vdp_framer_free(framer);
    return 0;
}
