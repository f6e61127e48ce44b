/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/copy-guess.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLED_COLUMNS 3u
#define MIN_VOTES       8u
#define NOWHERE         UINT16_MAX /* a row hash that stands in more than one place */
#define STRIP           32u        /* pixels */
#define STRIP_CHANGES   6u         /* changes of colour in it that make it striking */
#define REACH           256        /* pixels: how far a strip is looked for */
#define ANCHORS         8u
#define SEARCHED        4u /* anchors that are looked for; the others only confirm */
#define MIN_CONFIRMED   3u

bool
vdp_copy_finder_reserve(struct vdp_copy_finder *finder, uint16_t height)
{
    uint32_t size = 1;

    if (finder->height == height) {
        return true;
    }
    while (size < height * 2u) {
        size *= 2;
    }
    vdp_copy_finder_clear(finder);
    finder->rows = malloc(size * sizeof(finder->rows[0]));
    finder->places = malloc(size * sizeof(finder->places[0]));
    finder->votes = malloc(height * 2u * sizeof(finder->votes[0]));
    if (finder->rows == NULL || finder->places == NULL || finder->votes == NULL) {
        vdp_copy_finder_clear(finder);
        return false;
    }
    finder->height = height;
    return true;
}

/* 0 when all pixels are alike: such rows say nothing. */
static uint64_t
hash_row(const uint8_t *row, uint32_t pixels)
{
    uint32_t first = vdp_load_u32(row) & 0xffffff;
    uint32_t differ = 0;
    uint64_t a = 0x9e3779b97f4a7c15u;
    uint64_t b = 0xc2b2ae3d27d4eb4fu;
    uint32_t i;

    for (i = 0; i + 2 <= pixels; i += 2) {
        uint32_t left = vdp_load_u32(row + i * 4) & 0xffffff;
        uint32_t right = vdp_load_u32(row + i * 4 + 4) & 0xffffff;

        differ |= (left ^ first) | (right ^ first);
        a = (a ^ left) * 0x9fb21c651e98df25u;
        b = (b ^ right) * 0xd6e8feb86659fd93u;
    }
    if (differ == 0) {
        return 0;
    }
    a ^= b >> 29 ^ b << 31;
    return (a ^ a >> 32) | 1;
}

struct column {
    uint32_t index;
    uint32_t top, bottom; /* pixels, around its changed tiles */
};

/* Picks columns with many changed tiles, spread over them. */
static uint32_t
pick_columns(const struct vdp_copy_scene *scene, struct column ret_columns[SAMPLED_COLUMNS])
{
    const struct vdp_grid *grid = scene->grid;
    uint16_t count[VDP_MAX_TILES_ACROSS] = {0};
    uint32_t most = 0;
    uint32_t good = 0;
    uint32_t picked = 0;
    uint32_t seen = 0;
    uint32_t tile;
    uint32_t x;

    for (tile = 0; tile < grid->count; tile++) {
        x = tile % grid->across;
        count[x] = (uint16_t)(count[x] + scene->changed[tile]);
        most = count[x] > most ? count[x] : most;
    }
    for (x = 0; x < grid->across; x++) {
        good += count[x] * 4u >= most * 3u;
    }
    for (x = 0; x < grid->across && picked < SAMPLED_COLUMNS; x++) {
        if (count[x] * 4u < most * 3u || seen++ < (picked + 1) * good / (SAMPLED_COLUMNS + 1)) {
            continue;
        }
        ret_columns[picked] = (struct column){x, UINT32_MAX, 0};
        for (tile = x; tile < grid->count; tile += grid->across) {
            struct vdp_rect rect = vdp_grid_rect(grid, tile);

            if (scene->changed[tile]) {
                if (ret_columns[picked].top == UINT32_MAX) {
                    ret_columns[picked].top = rect.y;
                }
                ret_columns[picked].bottom = (uint32_t)rect.y + rect.height;
            }
        }
        picked++;
    }
    return picked;
}

/* The place of a hash in the table, its own or the free one. */
static uint32_t
find_row(const struct vdp_copy_finder *finder, uint32_t mask, uint64_t hash)
{
    uint32_t at = (uint32_t)(hash >> 7) & mask;

    while (finder->rows[at] != 0 && finder->rows[at] != hash) {
        at = (at + 1) & mask;
    }
    return at;
}

static void
vote_column(struct vdp_copy_finder *finder, const struct vdp_copy_scene *scene,
            const struct column *column)
{
    struct vdp_rect rect = vdp_grid_rect(scene->grid, column->index);
    size_t stride = (size_t)scene->grid->width * 4;
    uint32_t mask = 1;
    uint32_t y;

    while (mask < (column->bottom - column->top) * 2u) {
        mask *= 2;
    }
    memset(finder->rows, 0, mask * sizeof(finder->rows[0]));
    mask--;
    for (y = column->top; y < column->bottom; y++) {
        uint64_t hash = hash_row(scene->old + y * stride + rect.x * 4u, rect.width);
        uint32_t at = find_row(finder, mask, hash);

        if (hash != 0) {
            finder->places[at] = finder->rows[at] == 0 ? (uint16_t)y : NOWHERE;
            finder->rows[at] = hash;
        }
    }
    for (y = column->top; y < column->bottom; y++) {
        uint64_t hash =
            hash_row(scene->fresh->pixels + y * scene->fresh->stride + rect.x * 4u, rect.width);
        uint32_t at = find_row(finder, mask, hash);

        if (hash != 0 && finder->rows[at] == hash && finder->places[at] != NOWHERE) {
            finder->votes[scene->grid->height + finder->places[at] - y]++;
        }
    }
}

/* Whether a column's rows stand where the last scroll would have put them. */
static bool
column_goes_on(struct vdp_copy_finder *finder, const struct vdp_copy_scene *scene,
               const struct column *column)
{
    const struct vdp_pixel_ops *ops = vdp_pixel_ops();
    struct vdp_rect rect = vdp_grid_rect(scene->grid, column->index);
    size_t stride = (size_t)scene->grid->width * 4;
    uint32_t moved = 0;
    uint32_t fitting = 0;
    uint32_t y;

    for (y = column->top; y < column->bottom && finder->work >= VDP_TILE * 2; y++) {
        const uint8_t *fresh = scene->fresh->pixels + y * scene->fresh->stride + rect.x * 4u;
        const uint8_t *old = scene->old + rect.x * 4u;
        int64_t from = (int64_t)y + finder->last_y;

        finder->work -= VDP_TILE * 2;
        if (ops->equal(fresh, old + y * stride, rect.width)) {
            continue; /* says nothing */
        }
        moved++;
        fitting += from >= 0 && from < scene->grid->height &&
                   ops->equal(fresh, old + (size_t)from * stride, rect.width);
    }
    return moved >= MIN_VOTES && fitting * 4 >= moved * 3;
}

/* Who turns a wheel turns it on: the last offset is tried before rows are hashed. */
static bool
scroll_goes_on(struct vdp_copy_finder *finder, const struct vdp_copy_scene *scene,
               const struct column *columns, uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count && finder->last_x == 0 && finder->last_y != 0; i++) {
        if (!column_goes_on(finder, scene, &columns[i])) {
            return false;
        }
    }
    return count > 0 && finder->last_x == 0 && finder->last_y != 0;
}

bool
vdp_guess_scroll(struct vdp_copy_finder *finder, const struct vdp_copy_scene *scene,
                 struct vdp_offset *ret_offset)
{
    uint16_t height = scene->grid->height;
    struct column columns[SAMPLED_COLUMNS];
    uint32_t count = pick_columns(scene, columns);
    uint32_t best = height;
    uint32_t i;

    if (scroll_goes_on(finder, scene, columns, count)) {
        *ret_offset = (struct vdp_offset){0, finder->last_y};
        return true;
    }
    memset(finder->votes, 0, height * 2u * sizeof(finder->votes[0]));
    for (i = 0; i < count; i++) {
        uint32_t work = (columns[i].bottom - columns[i].top) * VDP_TILE * 2;

        if (work > finder->work) {
            break;
        }
        finder->work -= work;
        vote_column(finder, scene, &columns[i]);
    }
    finder->votes[height] = 0; /* what stayed where it was */
    for (i = 0; i < height * 2u; i++) {
        best = finder->votes[i] > finder->votes[best] ? i : best;
    }
    i = (uint32_t)(height + finder->last_y);
    if (finder->last_x == 0 && i < height * 2u && finder->votes[i] * 2u > finder->votes[best]) {
        best = i; /* in doubt, as before */
    }
    *ret_offset = (struct vdp_offset){0, (int32_t)best - height};
    return best != height && finder->votes[best] >= MIN_VOTES;
}

struct anchor {
    uint32_t x, y; /* of the strip in the new picture */
    uint32_t key;  /* pixels into the strip: the first change of colour */
};

static bool
is_striking(const uint8_t *strip, uint32_t *ret_key)
{
    uint32_t changes = 0;
    uint32_t i;

    for (i = STRIP - 1; i > 0; i--) {
        if (((vdp_load_u32(strip + i * 4) ^ vdp_load_u32(strip + i * 4 - 4)) & 0xffffff) != 0) {
            changes++;
            *ret_key = i - 1;
        }
    }
    return changes >= STRIP_CHANGES;
}

static uint32_t
pick_anchors(const struct vdp_copy_scene *scene, struct anchor ret_anchors[ANCHORS])
{
    uint32_t step = scene->changed_count / (ANCHORS * 2) + 1;
    uint32_t count = 0;
    uint32_t seen = 0;
    uint32_t tile;
    uint32_t row;

    for (tile = 0; tile < scene->grid->count && count < ANCHORS; tile++) {
        struct vdp_rect rect = vdp_grid_rect(scene->grid, tile);

        if (!scene->changed[tile] || seen++ % step != 0 || rect.width < VDP_TILE) {
            continue;
        }
        for (row = 4; row < rect.height; row += 8) {
            uint32_t x = rect.x + (VDP_TILE - STRIP) / 2;
            uint32_t y = rect.y + row;
            const uint8_t *strip = scene->fresh->pixels + y * scene->fresh->stride + x * 4;
            const uint8_t *old = scene->old + ((size_t)y * scene->grid->width + x) * 4;
            uint32_t key;

            if (is_striking(strip, &key) && !vdp_pixel_ops()->equal(strip, old, STRIP)) {
                ret_anchors[count++] = (struct anchor){x, y, key};
                break;
            }
        }
    }
    return count;
}

static bool
anchor_fits(const struct vdp_copy_scene *scene, const struct anchor *anchor, int32_t x, int32_t y)
{
    return x >= 0 && y >= 0 && (uint32_t)x + STRIP <= scene->grid->width &&
           (uint32_t)y < scene->grid->height &&
           vdp_pixel_ops()->equal(
               scene->fresh->pixels + anchor->y * scene->fresh->stride + anchor->x * 4,
               scene->old + ((size_t)y * scene->grid->width + (size_t)x) * 4, STRIP);
}

static uint32_t
count_fitting(const struct vdp_copy_scene *scene, const struct anchor *anchors, uint32_t count,
              struct vdp_offset offset)
{
    uint32_t fitting = 0;
    uint32_t i;

    for (i = 0; i < count; i++) {
        fitting += anchor_fits(scene, &anchors[i], (int32_t)anchors[i].x + offset.x,
                               (int32_t)anchors[i].y + offset.y);
    }
    return fitting;
}

static int32_t
clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Looks for anchors[which] around its place; takes the offset that most anchors confirm. */
static uint32_t
search_anchor(struct vdp_copy_finder *finder, const struct vdp_copy_scene *scene,
              const struct anchor *anchors, uint32_t count, uint32_t which,
              struct vdp_offset *ret_offset)
{
    const struct anchor *anchor = &anchors[which];
    const uint8_t *strip = scene->fresh->pixels + anchor->y * scene->fresh->stride + anchor->x * 4;
    const uint8_t *key = strip + anchor->key * 4;
    uint32_t one = vdp_load_u32(key) | 0xff000000u;
    uint32_t two = vdp_load_u32(key + 4) | 0xff000000u;
    int32_t left = clamp((int32_t)anchor->x - REACH, 0, scene->grid->width - (int32_t)STRIP);
    int32_t right = clamp((int32_t)anchor->x + REACH, 0, scene->grid->width - (int32_t)STRIP);
    int32_t bottom = clamp((int32_t)anchor->y + REACH, 0, scene->grid->height - 1);
    int32_t y = clamp((int32_t)anchor->y - REACH, 0, scene->grid->height - 1);
    uint32_t best = 0;
    int32_t x;

    for (; y <= bottom && finder->work >= (uint32_t)(right - left); y++) {
        const uint8_t *row =
            scene->old + ((size_t)y * scene->grid->width + (size_t)left + anchor->key) * 4;

        finder->work -= (uint32_t)(right - left);
        for (x = left; x <= right; x++, row += 4) {
            struct vdp_offset offset = {x - (int32_t)anchor->x, y - (int32_t)anchor->y};
            uint32_t fitting;

            /* The shadow's fourth byte is 255. */
            if (vdp_load_u32(row) != one || vdp_load_u32(row + 4) != two ||
                !anchor_fits(scene, anchor, x, y)) {
                continue;
            }
            fitting = count_fitting(scene, anchors, count, offset);
            finder->work -= finder->work < count * STRIP ? finder->work : count * STRIP;
            if (fitting > best) {
                best = fitting;
                *ret_offset = offset;
            }
        }
    }
    return best;
}

bool
vdp_guess_drag(struct vdp_copy_finder *finder, const struct vdp_copy_scene *scene,
               struct vdp_offset *ret_offset)
{
    struct anchor anchors[ANCHORS];
    uint32_t count = pick_anchors(scene, anchors);
    uint32_t i;

    *ret_offset = (struct vdp_offset){finder->last_x, finder->last_y};
    if (count_fitting(scene, anchors, count, *ret_offset) >= MIN_CONFIRMED) {
        return true;
    }
    for (i = 0; i < SEARCHED && i * 2 < count; i++) {
        if (search_anchor(finder, scene, anchors, count, i * 2, ret_offset) >= MIN_CONFIRMED) {
            return true;
        }
    }
    return false;
}
