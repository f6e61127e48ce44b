/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/mix.h"

#include "protocol/codec/tiles.h"

void
vdp_mix_add(struct vdp_mix *mix, const uint8_t *ops, size_t size)
{
    while (size >= VDP_OP_HEADER_SIZE) {
        size_t body = ops[1] | (size_t)ops[2] << 8 | (size_t)ops[3] << 16;
        size_t whole = VDP_OP_HEADER_SIZE + body;

        if (whole > size) {
            return;
        }
        switch (ops[0]) {
        case VDP_OP_ZTILES:
        case VDP_OP_PATCH:
            mix->exact += whole;
            break;
        case VDP_OP_COPY:
        case VDP_OP_HIT:
            mix->reused += whole;
            break;
        case VDP_OP_JPEG:
            mix->photo += whole;
            break;
        case VDP_OP_VIDEO:
            mix->film += whole;
            break;
        default:
            break;
        }
        ops += whole;
        size -= whole;
    }
}

unsigned
vdp_mix_share(const struct vdp_mix *mix, uint64_t part)
{
    uint64_t all = mix->exact + mix->reused + mix->photo + mix->film;

    return all > 0 ? (unsigned)((part * 100 + all / 2) / all) : 0;
}
