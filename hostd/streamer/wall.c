/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/wall.h"

#include <glib.h>
#include <string.h>

struct head {
    bool wanted;
    bool cursor;           /* shown by the guest on this head */
    struct vdp_area wish;  /* of a wanted one; its size is the client's, not the guest's */
    struct vdp_area place; /* in the shadow; width 0: dark */
};

struct streamer_wall {
    int references; /* atomic */
    struct streamer_shadow *shadow;
    GMutex lock; /* the rest */
    struct head heads[STREAMER_HEADS];
};

struct streamer_wall *
streamer_wall_new(struct streamer_shadow *shadow)
{
    struct streamer_wall *wall = g_new0(struct streamer_wall, 1);

    wall->references = 1;
    wall->shadow = streamer_shadow_ref(shadow);
    wall->heads[0].wanted = true;
    g_mutex_init(&wall->lock);
    return wall;
}

struct streamer_wall *
streamer_wall_ref(struct streamer_wall *wall)
{
    g_atomic_int_inc(&wall->references);
    return wall;
}

void
streamer_wall_unref(struct streamer_wall *wall)
{
    if (wall != NULL && g_atomic_int_dec_and_test(&wall->references)) {
        streamer_shadow_unref(wall->shadow);
        g_mutex_clear(&wall->lock);
        g_free(wall);
    }
}

static bool
overlap(const struct vdp_area *a, const struct vdp_area *b)
{
    return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height &&
           b->y < a->y + a->height;
}

static bool
any_overlap(const struct vdp_area *areas, unsigned count)
{
    unsigned i;
    unsigned j;

    for (i = 0; i < count; i++) {
        for (j = 0; j < i; j++) {
            if (areas[i].width > 0 && areas[j].width > 0 && overlap(&areas[i], &areas[j])) {
                return true;
            }
        }
    }
    return false;
}

bool
streamer_wall_place(struct vdp_area *areas, unsigned count, uint32_t *ret_width,
                    uint32_t *ret_height)
{
    bool row = any_overlap(areas, count);
    uint32_t left = UINT32_MAX, top = UINT32_MAX, right = 0, bottom = 0;
    unsigned i;

    for (i = 0; i < count; i++) {
        if (areas[i].width == 0) {
            continue;
        }
        if (row) {
            areas[i].x = (uint16_t)MIN(right, VDP_MAX_SIDE);
            areas[i].y = 0;
        }
        left = MIN(left, areas[i].x);
        top = MIN(top, areas[i].y);
        right = MAX(right, (uint32_t)areas[i].x + areas[i].width);
        bottom = MAX(bottom, (uint32_t)areas[i].y + areas[i].height);
    }
    if (right == 0) {
        return false;
    }
    for (i = 0; i < count; i++) {
        areas[i].x = areas[i].width > 0 ? (uint16_t)(areas[i].x - left) : 0;
        areas[i].y = areas[i].width > 0 ? (uint16_t)(areas[i].y - top) : 0;
    }
    *ret_width = right - left;
    *ret_height = bottom - top;
    return *ret_width <= VDP_MAX_SIDE && *ret_height <= VDP_MAX_SIDE &&
           *ret_width * *ret_height <= STREAMER_MAX_WALL_PIXELS;
}

/*
 * With the lock held. Makes places the places of the heads: what they showed moves along, and fresh
 * (or NULL) is all of head's new picture. False when there is no room or no memory.
 */
static bool
arrange(struct streamer_wall *wall, struct vdp_area *places, unsigned head,
        struct streamer_part *fresh)
{
    struct streamer_arrangement next = {.fresh = fresh};
    unsigned i;

    if (!streamer_wall_place(places, STREAMER_HEADS, &next.width, &next.height)) {
        return false;
    }
    for (i = 0; i < STREAMER_HEADS; i++) {
        const struct vdp_area *old = &wall->heads[i].place;

        next.layout.at[i] = places[i];
        if (places[i].width == 0) {
            continue;
        }
        next.layout.count = (uint8_t)(i + 1);
        if (old->width > 0 && (fresh == NULL || i != head)) {
            next.moves[next.move_count++] =
                (struct streamer_move){{old->x, old->y, MIN(old->width, places[i].width),
                                        MIN(old->height, places[i].height)},
                                       places[i].x,
                                       places[i].y};
        }
    }
    if (fresh != NULL) {
        fresh->x = places[head].x;
        fresh->y = places[head].y;
    }
    if (!streamer_shadow_arrange(wall->shadow, &next)) {
        return false;
    }
    for (i = 0; i < STREAMER_HEADS; i++) {
        wall->heads[i].place = places[i];
    }
    return true;
}

/* With the lock held. Where the lit heads are to be, of the sizes that they have. */
static void
wanted_places(const struct streamer_wall *wall, struct vdp_area *places)
{
    unsigned i;

    memset(places, 0, STREAMER_HEADS * sizeof(*places));
    for (i = 0; i < STREAMER_HEADS; i++) {
        const struct head *head = &wall->heads[i];

        if (head->wanted && head->place.width > 0) {
            places[i] = (struct vdp_area){head->wish.x, head->wish.y, head->place.width,
                                          head->place.height};
        }
    }
}

/* With the lock held. */
static void
update_cursor(struct streamer_wall *wall)
{
    bool visible = false;
    unsigned i;

    for (i = 0; i < STREAMER_HEADS; i++) {
        visible = visible || (wall->heads[i].wanted && wall->heads[i].cursor);
    }
    streamer_shadow_show_cursor(wall->shadow, visible);
}

void
streamer_wall_want(struct streamer_wall *wall, const struct vdp_area *areas, unsigned count)
{
    struct vdp_area places[STREAMER_HEADS];
    bool moved = false;
    bool went = false; /* one that may have had the cursor */
    unsigned i;

    g_mutex_lock(&wall->lock);
    for (i = 0; i < STREAMER_HEADS; i++) {
        went = went || (i >= count && wall->heads[i].wanted);
        wall->heads[i].wanted = i < count;
        wall->heads[i].wish = i < count ? areas[i] : (struct vdp_area){0};
    }
    wanted_places(wall, places);
    for (i = 0; i < STREAMER_HEADS; i++) {
        const struct vdp_area *old = &wall->heads[i].place;

        moved = moved || places[i].x != old->x || places[i].y != old->y ||
                places[i].width != old->width;
    }
    if (moved) {
        (void)arrange(wall, places, 0, NULL);
    }
    if (went) {
        update_cursor(wall);
    }
    g_mutex_unlock(&wall->lock);
}

bool
streamer_wall_show(struct streamer_wall *wall, unsigned head, uint32_t width, uint32_t height,
                   const uint8_t *pixels, size_t stride)
{
    struct streamer_part fresh = {0, 0, width, height, pixels, stride};
    struct vdp_area places[STREAMER_HEADS];
    struct head *one = &wall->heads[head];
    bool shown = true;

    if (width == 0 || height == 0 || width > VDP_MAX_SIDE || height > VDP_MAX_SIDE ||
        width * height > STREAMER_MAX_SHADOW_PIXELS) {
        return false;
    }
    g_mutex_lock(&wall->lock);
    if (one->wanted && one->place.width == width && one->place.height == height) {
        fresh.x = one->place.x;
        fresh.y = one->place.y;
        shown = pixels == NULL || streamer_shadow_write_all(wall->shadow, &fresh, 1);
    } else if (one->wanted) {
        wanted_places(wall, places);
        places[head] =
            (struct vdp_area){one->wish.x, one->wish.y, (uint16_t)width, (uint16_t)height};
        shown = arrange(wall, places, head, pixels != NULL ? &fresh : NULL);
    }
    g_mutex_unlock(&wall->lock);
    return shown;
}

bool
streamer_wall_write(struct streamer_wall *wall, unsigned head, struct streamer_part part)
{
    const struct vdp_area *place = &wall->heads[head].place;
    bool written;

    g_mutex_lock(&wall->lock);
    if (!wall->heads[head].wanted) {
        written = true;
    } else if (part.x > place->width || part.width > place->width - part.x ||
               part.y > place->height || part.height > place->height - part.y) {
        written = false;
    } else {
        part.x += place->x;
        part.y += place->y;
        written = streamer_shadow_write_all(wall->shadow, &part, 1);
    }
    g_mutex_unlock(&wall->lock);
    return written;
}

void
streamer_wall_blank(struct streamer_wall *wall, unsigned head)
{
    struct vdp_area places[STREAMER_HEADS];
    struct vdp_area *place = &wall->heads[head].place;

    g_mutex_lock(&wall->lock);
    if (head == 0 && place->width > 0) {
        streamer_shadow_blank(wall->shadow,
                              (struct vdp_rect){place->x, place->y, place->width, place->height});
    } else if (place->width > 0) {
        wanted_places(wall, places);
        places[head] = (struct vdp_area){0};
        (void)arrange(wall, places, 0, NULL);
    }
    g_mutex_unlock(&wall->lock);
}

bool
streamer_wall_size(struct streamer_wall *wall, unsigned head, uint32_t *ret_width,
                   uint32_t *ret_height)
{
    g_mutex_lock(&wall->lock);
    *ret_width = wall->heads[head].place.width;
    *ret_height = wall->heads[head].place.height;
    g_mutex_unlock(&wall->lock);
    return *ret_width > 0;
}

unsigned
streamer_wall_lit(struct streamer_wall *wall)
{
    unsigned lit = 0;
    unsigned i;

    g_mutex_lock(&wall->lock);
    for (i = 0; i < STREAMER_HEADS; i++) {
        lit += wall->heads[i].place.width > 0;
    }
    g_mutex_unlock(&wall->lock);
    return lit;
}

bool
streamer_wall_set_cursor(struct streamer_wall *wall, unsigned head, uint32_t width, uint32_t height,
                         uint32_t hot_x, uint32_t hot_y, const uint8_t *rgba)
{
    bool taken = true;

    g_mutex_lock(&wall->lock);
    if (wall->heads[head].wanted) {
        wall->heads[head].cursor = true;
        taken = streamer_shadow_set_cursor(wall->shadow, width, height, hot_x, hot_y, rgba);
    }
    g_mutex_unlock(&wall->lock);
    return taken;
}

void
streamer_wall_show_cursor(struct streamer_wall *wall, unsigned head, bool visible)
{
    g_mutex_lock(&wall->lock);
    wall->heads[head].cursor = visible;
    update_cursor(wall);
    g_mutex_unlock(&wall->lock);
}
