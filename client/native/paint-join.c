/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/paint.h"

static unsigned
least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static struct vdp_rect
tile_rect(const struct vdp_image *image, uint32_t tile)
{
    unsigned across = (image->width + VDP_TILE - 1) / VDP_TILE;
    unsigned x = tile % across * VDP_TILE;
    unsigned y = tile / across * VDP_TILE;

    return (struct vdp_rect){(uint16_t)x, (uint16_t)y, (uint16_t)least(VDP_TILE, image->width - x),
                             (uint16_t)least(VDP_TILE, image->height - y)};
}

static struct vdp_rect
around(struct vdp_rect a, struct vdp_rect b)
{
    unsigned left = least(a.x, b.x);
    unsigned top = least(a.y, b.y);
    unsigned right = a.x + a.width > b.x + b.width ? a.x + a.width : b.x + b.width;
    unsigned bottom = a.y + a.height > b.y + b.height ? a.y + a.height : b.y + b.height;

    return (struct vdp_rect){(uint16_t)left, (uint16_t)top, (uint16_t)(right - left),
                             (uint16_t)(bottom - top)};
}

/* Puts a finished run of a row below a rectangle that it continues, or beside the others. */
static size_t
add_run(struct vdp_rect *rects, size_t count, size_t room, struct vdp_rect run)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (rects[i].x == run.x && rects[i].width == run.width &&
            rects[i].y + rects[i].height == run.y) {
            rects[i].height = (uint16_t)(rects[i].height + run.height);
            return count;
        }
    }
    if (count == room) {
        rects[count - 1] = around(rects[count - 1], run);
        return count;
    }
    rects[count] = run;
    return count + 1;
}

size_t
client_paint_join(const struct vdp_image *image, const uint32_t *tiles, size_t count,
                  struct vdp_rect *ret_rects, size_t room)
{
    struct vdp_rect run = {0};
    size_t rects = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        struct vdp_rect rect = tile_rect(image, tiles[i]);

        if (run.width > 0 && rect.y == run.y && rect.x == run.x + run.width) {
            run.width = (uint16_t)(run.width + rect.width);
            continue;
        }
        if (run.width > 0)
            rects = add_run(ret_rects, rects, room, run);
        run = rect;
    }
    if (run.width > 0)
        rects = add_run(ret_rects, rects, room, run);
    return rects;
}
