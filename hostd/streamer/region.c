/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/region.h"

#include <glib.h>
#include <string.h>

#include "protocol/codec/video.h"

#define MEMORY_S     0.3f   /* of the rates */
#define LOOK_US      100000 /* between two searches */
#define FILLED       60u    /* per cent of a component's rectangle that is hot */
#define PHOTO        60u    /* per cent of a film's tiles that are photographic */
#define PHOTO_STAY   40u    /* once it is one */
#define PHOTO_EVEN   64u    /* evenness below which a tile is photographic */
#define BOXES        12u    /* that vote */
#define FIRST_BOXES  4u     /* with which a film begins */
#define SLOW_US      100000 /* between frames: one box must do, the next is far away */
#define SIDE_SHARE   4u     /* a side lies where one in so many boxes reaches it */
#define SHRINK_SHARE 75u    /* per cent of the area above which a smaller box changes nothing */

struct tile {
    float rate;    /* changes a second */
    int64_t since; /* when it became hot; 0: it is not */
    bool seen;     /* by this search */
};

struct area {
    uint32_t left, top, right, bottom; /* tiles; right and bottom are outside */
    uint32_t count;                    /* of hot tiles within */
};

struct streamer_region {
    uint16_t width, height;
    uint32_t across, down;
    struct tile *tiles;  /* owned */
    uint32_t *stack;     /* owned; of the search */
    int64_t frame_us;    /* the last frame; 0: none */
    int64_t interval_us; /* between the last two */
    int64_t looked_us;
    struct area area;  /* where the film is, in tiles; count 0: nowhere */
    int64_t active_us; /* when more than half of it last moved */
    struct vdp_rect boxes[BOXES];
    unsigned box_count;   /* all that came, the newest are kept */
    struct vdp_rect rect; /* width 0: not known yet */
};

struct streamer_region *
streamer_region_new(void)
{
    return g_new0(struct streamer_region, 1);
}

void
streamer_region_free(struct streamer_region *region)
{
    if (region != NULL) {
        g_free(region->tiles);
        g_free(region->stack);
        g_free(region);
    }
}

void
streamer_region_resize(struct streamer_region *region, uint16_t width, uint16_t height)
{
    uint32_t across = (width + VDP_TILE - 1u) / VDP_TILE;
    uint32_t down = (height + VDP_TILE - 1u) / VDP_TILE;

    g_free(region->tiles);
    g_free(region->stack);
    *region =
        (struct streamer_region){.width = width, .height = height, .across = across, .down = down};
    region->tiles = g_new0(struct tile, across * down);
    region->stack = g_new(uint32_t, across * down);
}

static struct vdp_rect
tile_rect(const struct streamer_region *region, uint32_t x, uint32_t y)
{
    uint32_t width = region->width - x * VDP_TILE;
    uint32_t height = region->height - y * VDP_TILE;

    return (struct vdp_rect){(uint16_t)(x * VDP_TILE), (uint16_t)(y * VDP_TILE),
                             (uint16_t)MIN(width, VDP_TILE), (uint16_t)MIN(height, VDP_TILE)};
}

static struct vdp_rect
area_rect(const struct streamer_region *region, const struct area *area)
{
    uint32_t right = MIN(area->right * VDP_TILE, region->width);
    uint32_t bottom = MIN(area->bottom * VDP_TILE, region->height);

    return (struct vdp_rect){(uint16_t)(area->left * VDP_TILE), (uint16_t)(area->top * VDP_TILE),
                             (uint16_t)(right - area->left * VDP_TILE),
                             (uint16_t)(bottom - area->top * VDP_TILE)};
}

/* The share of the old rate that is left after seconds: e^(-seconds / MEMORY_S), nearly. */
static float
decay(float seconds)
{
    float x = seconds / MEMORY_S;

    return 1 / (1 + x + x * x / 2 + x * x * x / 6);
}

static void
count_changes(struct streamer_region *region, const uint8_t *changed, const uint8_t *ticks,
              int64_t now_us)
{
    float seconds = (float)(now_us - region->frame_us) / 1e6f;
    float left = decay(seconds);
    uint32_t i;

    for (i = 0; i < region->across * region->down; i++) {
        struct tile *tile = &region->tiles[i];
        float rate = changed[i] ? (float)ticks[i] / seconds : 0;

        tile->rate = tile->rate * left + rate * (1 - left);
        if (tile->rate > STREAMER_REGION_HZ && tile->since == 0) {
            tile->since = region->frame_us; /* all the time since then */
        } else if (tile->rate < STREAMER_REGION_STAY_HZ) {
            tile->since = 0;
        }
    }
}

static bool
is_old(const struct tile *tile, int64_t now_us)
{
    return tile->since != 0 && now_us - tile->since >= STREAMER_REGION_ENTER_US;
}

/* The tiles that hang together with first. */
static struct area
flood(struct streamer_region *region, uint32_t first, int64_t now_us)
{
    struct area area = {region->across, region->down, 0, 0, 0};
    uint32_t depth = 0;

    region->stack[depth++] = first;
    region->tiles[first].seen = true;
    while (depth > 0) {
        uint32_t at = region->stack[--depth];
        uint32_t x = at % region->across;
        uint32_t y = at / region->across;
        const uint32_t beside[4] = {x > 0 ? at - 1 : at, x + 1 < region->across ? at + 1 : at,
                                    y > 0 ? at - region->across : at,
                                    y + 1 < region->down ? at + region->across : at};
        unsigned i;

        area.left = MIN(area.left, x);
        area.right = MAX(area.right, x + 1);
        area.top = MIN(area.top, y);
        area.bottom = MAX(area.bottom, y + 1);
        area.count++;
        for (i = 0; i < 4; i++) {
            struct tile *tile = &region->tiles[beside[i]];

            if (!tile->seen && is_old(tile, now_us)) {
                tile->seen = true;
                region->stack[depth++] = beside[i];
            }
        }
    }
    return area;
}

static uint32_t
area_tiles(const struct area *area)
{
    return (area->right - area->left) * (area->bottom - area->top);
}

/* Per cent of an area's tiles that are photographic. */
static unsigned
photo_share(const struct streamer_region *region, const struct area *area,
            const struct vdp_image *image)
{
    uint32_t photos = 0;
    uint32_t x;
    uint32_t y;

    for (y = area->top; y < area->bottom; y++) {
        for (x = area->left; x < area->right; x++) {
            struct vdp_rect rect = tile_rect(region, x, y);

            photos += vdp_image_evenness(image, &rect) < PHOTO_EVEN;
        }
    }
    return photos * 100 / area_tiles(area);
}

/* The largest part of the screen that has moved long enough; count 0: none. */
static struct area
largest(struct streamer_region *region, int64_t now_us)
{
    struct area best = {0};
    uint32_t i;

    for (i = 0; i < region->across * region->down; i++) {
        region->tiles[i].seen = false;
    }
    for (i = 0; i < region->across * region->down; i++) {
        if (!region->tiles[i].seen && is_old(&region->tiles[i], now_us)) {
            struct area area = flood(region, i, now_us);

            if (area.count > best.count) {
                best = area;
            }
        }
    }
    return best;
}

static void
forget(struct streamer_region *region)
{
    region->area.count = 0;
    region->rect.width = 0;
    region->box_count = 0;
}

/* Begins a film, or moves one. Its old rectangle counts until the boxes say another. */
static void
look(struct streamer_region *region, const struct vdp_image *image, int64_t now_us)
{
    struct area area = largest(region, now_us);
    unsigned photo = region->area.count > 0 ? PHOTO_STAY : PHOTO;
    struct vdp_rect rect;

    if (area.count == 0) {
        return; /* a film that is there ends by is_moving() */
    }
    rect = area_rect(region, &area);
    if (rect.width < STREAMER_REGION_MIN_WIDTH || rect.height < STREAMER_REGION_MIN_HEIGHT ||
        area.count * 100 < area_tiles(&area) * FILLED ||
        photo_share(region, &area, image) < photo) {
        return;
    }
    if (region->area.count == 0) {
        region->active_us = now_us;
        region->box_count = 0;
    } else if (area.left != region->area.left || area.right != region->area.right ||
               area.top != region->area.top || area.bottom != region->area.bottom) {
        region->box_count = 0;
    }
    region->area = area;
}

static bool
is_moving(const struct streamer_region *region)
{
    uint32_t hot = 0;
    uint32_t x;
    uint32_t y;

    for (y = region->area.top; y < region->area.bottom; y++) {
        for (x = region->area.left; x < region->area.right; x++) {
            hot += region->tiles[y * region->across + x].since != 0;
        }
    }
    return hot * 2 >= area_tiles(&region->area);
}

bool
streamer_region_wants_box(const struct streamer_region *region, struct vdp_rect *ret_within)
{
    if (region->area.count == 0) {
        return false;
    }
    *ret_within = area_rect(region, &region->area);
    return true;
}

static int
compare_sides(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* The value that one in SIDE_SHARE of them reaches, seen from the low end. */
static int
vote(int *sides, unsigned count)
{
    qsort(sides, count, sizeof(sides[0]), compare_sides);
    return sides[MAX(count / SIDE_SHARE, 1) - 1];
}

/* What the boxes say, rounded outwards to even numbers. */
static struct vdp_rect
voted_rect(const struct streamer_region *region, unsigned count)
{
    int sides[4][BOXES];
    int left;
    int top;
    int right;
    int bottom;
    unsigned i;

    for (i = 0; i < count; i++) {
        const struct vdp_rect *box = &region->boxes[i];

        sides[0][i] = box->x;
        sides[1][i] = box->y;
        sides[2][i] = -(box->x + box->width);
        sides[3][i] = -(box->y + box->height);
    }
    left = vote(sides[0], count) & ~1;
    top = vote(sides[1], count) & ~1;
    right = MIN((-vote(sides[2], count) + 1) & ~1, region->width & ~1);
    bottom = MIN((-vote(sides[3], count) + 1) & ~1, region->height & ~1);
    if (right <= left || bottom <= top) {
        return (struct vdp_rect){0};
    }
    return (struct vdp_rect){(uint16_t)left, (uint16_t)top, (uint16_t)(right - left),
                             (uint16_t)(bottom - top)};
}

static bool
contains(const struct vdp_rect *outer, const struct vdp_rect *inner)
{
    return inner->x >= outer->x && inner->y >= outer->y &&
           inner->x + inner->width <= outer->x + outer->width &&
           inner->y + inner->height <= outer->y + outer->height;
}

void
streamer_region_add_box(struct streamer_region *region, const struct vdp_rect *box)
{
    struct vdp_rect *rect = &region->rect;
    struct vdp_rect voted;
    unsigned first = region->interval_us > SLOW_US ? 1 : FIRST_BOXES;
    unsigned count;

    region->boxes[region->box_count++ % BOXES] = *box;
    count = MIN(region->box_count, BOXES);
    /* A rectangle that is there changes when all votes are new. */
    if (count < (rect->width == 0 ? first : BOXES)) {
        return;
    }
    voted = voted_rect(region, count);
    if (voted.width < STREAMER_REGION_MIN_WIDTH || voted.height < STREAMER_REGION_MIN_HEIGHT ||
        voted.width > VDP_VIDEO_MAX_WIDTH ||
        (uint32_t)voted.width * voted.height > VDP_VIDEO_MAX_AREA) {
        return;
    }
    /* A new rectangle costs a key frame: not for a dark edge of a few pictures. */
    if (rect->width != 0 && contains(rect, &voted) &&
        (uint32_t)voted.width * voted.height * 100 >
            (uint32_t)rect->width * rect->height * SHRINK_SHARE) {
        return;
    }
    *rect = voted;
}

void
streamer_region_frame(struct streamer_region *region, const struct vdp_image *image,
                      const uint8_t *changed, const uint8_t *ticks, int64_t now_us)
{
    if (region->tiles == NULL || image->width != region->width || image->height != region->height) {
        return;
    }
    if (region->frame_us == 0 || now_us <= region->frame_us) {
        region->frame_us = region->frame_us == 0 ? now_us : region->frame_us;
        return;
    }
    count_changes(region, changed, ticks, now_us);
    region->interval_us = now_us - region->frame_us;
    region->frame_us = now_us;
    if (now_us - region->looked_us >= LOOK_US) {
        region->looked_us = now_us;
        look(region, image, now_us);
    }
    if (region->area.count > 0) {
        if (is_moving(region)) {
            region->active_us = now_us;
        } else if (now_us - region->active_us > STREAMER_REGION_LEAVE_US) {
            forget(region);
        }
    }
}

bool
streamer_region_rect(const struct streamer_region *region, int64_t now_us,
                     struct vdp_rect *ret_rect)
{
    if (region->area.count == 0 || region->rect.width == 0 ||
        now_us - region->active_us > STREAMER_REGION_LEAVE_US) {
        return false;
    }
    *ret_rect = region->rect;
    return true;
}

int64_t
streamer_region_until_us(const struct streamer_region *region)
{
    return region->area.count > 0 ? region->active_us + STREAMER_REGION_LEAVE_US : 0;
}

unsigned
streamer_region_fps(const struct streamer_region *region)
{
    float sum = 0;
    uint32_t x;
    uint32_t y;

    if (region->area.count == 0) {
        return 0;
    }
    for (y = region->area.top; y < region->area.bottom; y++) {
        for (x = region->area.left; x < region->area.right; x++) {
            sum += region->tiles[y * region->across + x].rate;
        }
    }
    return (unsigned)(sum / (float)area_tiles(&region->area) + 0.5f);
}
