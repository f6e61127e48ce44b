/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_COPY_GUESS_H
#define VDP_COPY_GUESS_H

/* copy-guess: by how much something moved. Only copy.c uses it. */

#include "protocol/codec/copy.h"

/* Source minus destination. */
struct vdp_offset {
    int32_t x, y;
};

/* Makes a finder ready for a height, as fresh when it is another than before. */
bool vdp_copy_finder_reserve(struct vdp_copy_finder *finder, uint16_t height);
/* From hashes of rows in a few tile columns: something scrolled up or down. */
bool vdp_guess_scroll(struct vdp_copy_finder *finder, const struct vdp_copy_scene *scene,
                      struct vdp_offset *ret_offset);
/* From a few striking strips that are looked for around their place: something was dragged. */
bool vdp_guess_drag(struct vdp_copy_finder *finder, const struct vdp_copy_scene *scene,
                    struct vdp_offset *ret_offset);

#endif
