/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/copy.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/codec/bytes.h"
#include "protocol/codec/copy-guess.h"

#define WORK      (2u * 1024u * 1024u) /* pixels looked at in vain in one search; below 2 ms */
#define MIN_ROWS  16u                  /* of a copy */
#define MIN_MOVED 8u                   /* of these rows, ones that were not there before */
#define MIN_AREA  (4u * VDP_TILE * VDP_TILE)
#define MAX_PAUSE 8u /* frames */

void
vdp_copy_finder_clear(struct vdp_copy_finder *finder)
{
    free(finder->rows);
    free(finder->places);
    free(finder->votes);
    memset(finder, 0, sizeof(*finder));
}

/* Copies under construction; rects are destinations. */
struct finding {
    const struct vdp_copy_scene *scene;
    struct vdp_offset offset;
    struct vdp_rect rects[VDP_MAX_COPIES];
    uint32_t count;
};

static const uint8_t *
fresh_at(const struct finding *finding, uint32_t x, uint32_t y)
{
    return finding->scene->fresh->pixels + y * finding->scene->fresh->stride + x * 4u;
}

static const uint8_t *
old_at(const struct finding *finding, uint32_t x, uint32_t y)
{
    return finding->scene->old + ((size_t)y * finding->scene->grid->width + x) * 4;
}

static bool
has_source(const struct finding *finding, uint32_t x, uint32_t y, uint32_t width)
{
    int32_t from_x = (int32_t)x + finding->offset.x;
    int32_t from_y = (int32_t)y + finding->offset.y;

    return from_x >= 0 && from_y >= 0 && from_x + (int32_t)width <= finding->scene->grid->width &&
           from_y < finding->scene->grid->height;
}

static bool
row_matches(const struct finding *finding, uint32_t x, uint32_t y, uint32_t width)
{
    return has_source(finding, x, y, width) &&
           vdp_pixel_ops()->equal(
               fresh_at(finding, x, y),
               old_at(finding, x + (uint32_t)finding->offset.x, y + (uint32_t)finding->offset.y),
               width);
}

/* Adds a column's run, or widens the rectangle to its left that has nearly the same rows. */
static void
add_run(struct finding *finding, struct vdp_rect run)
{
    uint32_t i;

    for (i = 0; i < finding->count; i++) {
        struct vdp_rect *rect = &finding->rects[i];
        uint32_t top = rect->y > run.y ? rect->y : run.y;
        uint32_t low_top = rect->y < run.y ? rect->y : run.y;
        uint32_t end = (uint32_t)rect->y + rect->height;
        uint32_t run_end = (uint32_t)run.y + run.height;
        uint32_t bottom = end < run_end ? end : run_end;
        uint32_t high_bottom = end > run_end ? end : run_end;

        if (rect->x + rect->width == run.x && bottom > top &&
            (bottom - top) * 4 >= (high_bottom - low_top) * 3) {
            rect->y = (uint16_t)top;
            rect->height = (uint16_t)(bottom - top);
            rect->width = (uint16_t)(rect->width + run.width);
            return;
        }
    }
    if (finding->count < VDP_MAX_COPIES) {
        finding->rects[finding->count++] = run;
    }
}

/* Finds the runs of rows that came from elsewhere. Returns the pixels that were looked at in vain.
 */
static uint32_t
scan_span(struct finding *finding, const struct vdp_rect *span)
{
    uint32_t start = 0;
    uint32_t rows = 0;
    uint32_t moved = 0;
    uint32_t matched = 0;
    uint32_t y;

    for (y = span->y; y <= (uint32_t)span->y + span->height; y++) {
        if (y < (uint32_t)span->y + span->height && row_matches(finding, span->x, y, span->width)) {
            start = rows == 0 ? y : start;
            rows++;
            matched++;
            moved += moved < MIN_MOVED &&
                     !vdp_pixel_ops()->equal(fresh_at(finding, span->x, y),
                                             old_at(finding, span->x, y), span->width);
            continue;
        }
        if (rows >= MIN_ROWS && moved >= MIN_MOVED) {
            add_run(finding,
                    (struct vdp_rect){span->x, (uint16_t)start, span->width, (uint16_t)rows});
        }
        rows = 0;
        moved = 0;
    }
    return (span->height - matched) * span->width;
}

static void
scan_column(struct vdp_copy_finder *finder, struct finding *finding, uint32_t column)
{
    const struct vdp_grid *grid = finding->scene->grid;
    struct vdp_rect span = {0};
    uint32_t tile;

    for (tile = column; tile < grid->count + grid->across; tile += grid->across) {
        if (tile < grid->count && finding->scene->changed[tile]) {
            struct vdp_rect rect = vdp_grid_rect(grid, tile);

            if (span.height == 0) {
                span = rect;
            } else {
                span.height = (uint16_t)(span.height + rect.height);
            }
            continue;
        }
        if (span.height > 0 && finder->work > 0) {
            uint32_t work = scan_span(finding, &span);

            finder->work -= work < finder->work ? work : finder->work;
        }
        span.height = 0;
    }
}

static bool
pixel_column_matches(const struct finding *finding, uint32_t x, const struct vdp_rect *rect)
{
    size_t old_stride = finding->scene->grid->width * (size_t)4;
    const uint8_t *fresh;
    const uint8_t *old;
    uint32_t y;

    if (!has_source(finding, x, rect->y, 1) ||
        !has_source(finding, x, rect->y + rect->height - 1u, 1)) {
        return false;
    }
    fresh = fresh_at(finding, x, rect->y);
    old = old_at(finding, x + (uint32_t)finding->offset.x, rect->y + (uint32_t)finding->offset.y);
    for (y = 0; y < rect->height; y++) {
        if (((vdp_load_u32(fresh) ^ vdp_load_u32(old)) & 0xffffff) != 0) {
            return false;
        }
        fresh += finding->scene->fresh->stride;
        old += old_stride;
    }
    return true;
}

/* Whether a tile beside rect, in the column of pixels x, has changed: else there is nothing to win.
 */
static bool
is_worth_widening(const struct finding *finding, uint32_t x, const struct vdp_rect *rect)
{
    const struct vdp_grid *grid = finding->scene->grid;
    uint32_t row;

    for (row = rect->y / VDP_TILE; row <= (rect->y + rect->height - 1u) / VDP_TILE; row++) {
        if (finding->scene->changed[row * grid->across + x / VDP_TILE]) {
            return true;
        }
    }
    return false;
}

/* A window's edges seldom stand between two tiles. */
static void
widen(struct finding *finding, struct vdp_rect *rect)
{
    uint32_t right = (uint32_t)rect->x + rect->width;
    bool to_left = rect->x > 0 && is_worth_widening(finding, rect->x - 1u, rect);
    bool to_right = right < finding->scene->grid->width && is_worth_widening(finding, right, rect);
    uint32_t i;

    for (i = 1; i < VDP_TILE && to_left && rect->x > 0 &&
                pixel_column_matches(finding, rect->x - 1u, rect);
         i++) {
        rect->x--;
        rect->width++;
    }
    for (i = 1; i < VDP_TILE && to_right && rect->x + rect->width < finding->scene->grid->width &&
                pixel_column_matches(finding, (uint32_t)rect->x + rect->width, rect);
         i++) {
        rect->width++;
    }
}

/* Whether a is to be applied before b: first what is overwritten by nothing that others read. */
static bool
goes_before(const struct vdp_offset *offset, const struct vdp_rect *a, const struct vdp_rect *b)
{
    if (offset->y != 0 && a->y != b->y) {
        return offset->y > 0 ? a->y < b->y : a->y > b->y;
    }
    return offset->x > 0 ? a->x < b->x : a->x > b->x;
}

static void
sort_rects(struct finding *finding)
{
    uint32_t i;
    uint32_t j;

    for (i = 1; i < finding->count; i++) {
        struct vdp_rect rect = finding->rects[i];

        for (j = i; j > 0 && goes_before(&finding->offset, &rect, &finding->rects[j - 1]); j--) {
            finding->rects[j] = finding->rects[j - 1];
        }
        finding->rects[j] = rect;
    }
}

static uint32_t
collect(struct vdp_copy_finder *finder, struct finding *finding,
        struct vdp_copy ret_copies[VDP_MAX_COPIES])
{
    uint32_t area = 0;
    uint32_t column;
    uint32_t count = 0;
    uint32_t i;

    for (column = 0; column < finding->scene->grid->across; column++) {
        scan_column(finder, finding, column);
    }
    sort_rects(finding);
    for (i = 0; i < finding->count; i++) {
        struct vdp_rect rect = finding->rects[i];
        uint32_t pixels;

        widen(finding, &rect);
        pixels = (uint32_t)rect.width * rect.height;
        if (area + pixels > VDP_MAX_COPY_AREA(finding->scene->grid)) {
            break;
        }
        area += pixels;
        ret_copies[count++] = (struct vdp_copy){(uint16_t)(rect.x + finding->offset.x),
                                                (uint16_t)(rect.y + finding->offset.y),
                                                rect.x,
                                                rect.y,
                                                rect.width,
                                                rect.height};
    }
    return area >= MIN_AREA ? count : 0;
}

static bool
overlap(uint32_t x, uint32_t y, uint32_t from_x, uint32_t from_y, const struct vdp_copy *first,
        const struct vdp_copy *later)
{
    return x < from_x + later->width && from_x < x + first->width && y < from_y + later->height &&
           from_y < y + first->height;
}

bool
vdp_copies_are_apart(const struct vdp_copy *copies, uint32_t count)
{
    uint32_t i;
    uint32_t j;

    for (i = 0; i < count; i++) {
        for (j = i + 1; j < count; j++) {
            if (overlap(copies[i].x, copies[i].y, copies[j].from_x, copies[j].from_y, &copies[i],
                        &copies[j])) {
                return false;
            }
        }
    }
    return true;
}

uint32_t
vdp_copy_find(struct vdp_copy_finder *finder, const struct vdp_copy_scene *scene,
              struct vdp_copy ret_copies[VDP_MAX_COPIES])
{
    struct finding finding = {.scene = scene};
    uint32_t count = 0;

    if (scene->changed_count < VDP_COPY_MIN_TILES) {
        return 0;
    }
    if (finder->pause > 0) {
        finder->pause--;
        return 0;
    }
    if (!vdp_copy_finder_reserve(finder, scene->grid->height)) {
        return 0;
    }
    finder->work = WORK;
    if (vdp_guess_scroll(finder, scene, &finding.offset)) {
        count = collect(finder, &finding, ret_copies);
    }
    if (count == 0 && vdp_guess_drag(finder, scene, &finding.offset)) {
        finding.count = 0;
        count = collect(finder, &finding, ret_copies);
    }
    if (count > 0) {
        finder->failures = 0;
        finder->last_x = finding.offset.x;
        finder->last_y = finding.offset.y;
    } else {
        finder->failures++;
        finder->pause = finder->failures < MAX_PAUSE ? finder->failures - 1 : MAX_PAUSE;
    }
    return count;
}
