/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/shadow.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/clock.h"
#include "protocol/wire/messages.h"

struct streamer_shadow {
    int references; /* atomic */
    GMutex lock;    /* all below */
    uint8_t *pixels;
    uint16_t width, height;
    uint8_t *ticks;     /* per tile: updates since the picture was taken */
    int64_t *ticked_us; /* per tile: the last one that counted */
    struct streamer_damage damage;
    struct vdp_layout layout; /* of one part unless somebody arranged it */
    int64_t since_us;
    struct streamer_cursor cursor;
    uint32_t cursor_serial; /* counts changes */
    GRecMutex notify;       /* held around changed(), so that mute() can wait for it */
    void (*changed)(void *user_data);
    void *user_data;
};

struct streamer_shadow *
streamer_shadow_new(void (*changed)(void *user_data), void *user_data)
{
    struct streamer_shadow *shadow = g_new0(struct streamer_shadow, 1);

    shadow->references = 1;
    g_mutex_init(&shadow->lock);
    g_rec_mutex_init(&shadow->notify);
    shadow->changed = changed;
    shadow->user_data = user_data;
    return shadow;
}

struct streamer_shadow *
streamer_shadow_ref(struct streamer_shadow *shadow)
{
    g_atomic_int_inc(&shadow->references);
    return shadow;
}

void
streamer_shadow_unref(struct streamer_shadow *shadow)
{
    if (shadow == NULL || !g_atomic_int_dec_and_test(&shadow->references)) {
        return;
    }
    free(shadow->pixels);
    g_free(shadow->ticks);
    g_free(shadow->ticked_us);
    streamer_cursor_clear(&shadow->cursor);
    g_mutex_clear(&shadow->lock);
    g_rec_mutex_clear(&shadow->notify);
    g_free(shadow);
}

void
streamer_shadow_mute(struct streamer_shadow *shadow)
{
    g_rec_mutex_lock(&shadow->notify);
    shadow->changed = NULL;
    g_rec_mutex_unlock(&shadow->notify);
}

static void
notify_changed(struct streamer_shadow *shadow)
{
    g_rec_mutex_lock(&shadow->notify);
    if (shadow->changed != NULL) {
        shadow->changed(shadow->user_data);
    }
    g_rec_mutex_unlock(&shadow->notify);
}

/* With the lock held. True when there was no damage before. */
static bool
add_damage(struct streamer_shadow *shadow, struct vdp_rect rect)
{
    bool was_clean = shadow->damage.count == 0;

    if (was_clean) {
        shadow->since_us = vd_monotonic_us();
    }
    streamer_damage_add(&shadow->damage, rect);
    return was_clean;
}

static struct vdp_rect
whole_surface(const struct streamer_shadow *shadow)
{
    return (struct vdp_rect){0, 0, shadow->width, shadow->height};
}

/* A black surface, or NULL when the size is not allowed or memory is short. */
static uint8_t *
new_surface(uint32_t width, uint32_t height, uint32_t most)
{
    if (width == 0 || height == 0 || width > VDP_MAX_SIDE || height > VDP_MAX_SIDE ||
        width * height > most) {
        return NULL;
    }
    return calloc((size_t)width * height, 4);
}

static uint32_t
tiles_of(uint32_t side)
{
    return (side + VDP_TILE - 1) / VDP_TILE;
}

/* With the lock held. */
static void
count_tick(struct streamer_shadow *shadow, const struct vdp_rect *rect)
{
    int64_t now_us = vd_monotonic_us();
    uint32_t x;
    uint32_t y;

    for (y = rect->y / VDP_TILE; y <= (rect->y + rect->height - 1u) / VDP_TILE; y++) {
        for (x = rect->x / VDP_TILE; x <= (rect->x + rect->width - 1u) / VDP_TILE; x++) {
            uint32_t tile = y * tiles_of(shadow->width) + x;

            if (now_us - shadow->ticked_us[tile] >= STREAMER_TICK_US) {
                shadow->ticks[tile] += shadow->ticks[tile] < UINT8_MAX;
                shadow->ticked_us[tile] = now_us;
            }
        }
    }
}

/* With the lock held. Old rectangles may lie outside of the new surface. */
static void
put_surface(struct streamer_shadow *shadow, uint8_t *pixels, uint32_t width, uint32_t height)
{
    free(shadow->pixels);
    shadow->pixels = pixels;
    shadow->width = (uint16_t)width;
    shadow->height = (uint16_t)height;
    g_free(shadow->ticks);
    g_free(shadow->ticked_us);
    shadow->ticks = g_new0(uint8_t, tiles_of(width) * tiles_of(height));
    shadow->ticked_us = g_new0(int64_t, tiles_of(width) * tiles_of(height));
    shadow->layout =
        (struct vdp_layout){.count = 1, .at = {{0, 0, (uint16_t)width, (uint16_t)height}}};
    streamer_damage_clear(&shadow->damage);
    add_damage(shadow, whole_surface(shadow));
}

static void
copy_rows(uint8_t *to, size_t to_stride, const uint8_t *from, size_t from_stride, size_t bytes,
          uint32_t rows)
{
    for (; rows > 0; rows--, to += to_stride, from += from_stride) {
        memcpy(to, from, bytes);
    }
}

bool
streamer_shadow_arrange(struct streamer_shadow *shadow,
                        const struct streamer_arrangement *arrangement)
{
    const struct streamer_part *fresh = arrangement->fresh;
    uint8_t *pixels =
        new_surface(arrangement->width, arrangement->height, STREAMER_MAX_WALL_PIXELS);
    size_t stride = (size_t)arrangement->width * 4;
    size_t i;

    if (pixels == NULL) {
        return false;
    }
    if (fresh != NULL) {
        copy_rows(pixels + fresh->y * stride + (size_t)fresh->x * 4, stride, fresh->pixels,
                  fresh->stride, (size_t)fresh->width * 4, fresh->height);
    }
    g_mutex_lock(&shadow->lock);
    for (i = 0; i < arrangement->move_count; i++) {
        const struct streamer_move *move = &arrangement->moves[i];

        copy_rows(pixels + move->y * stride + (size_t)move->x * 4, stride,
                  shadow->pixels + ((size_t)move->from.y * shadow->width + move->from.x) * 4,
                  (size_t)shadow->width * 4, (size_t)move->from.width * 4, move->from.height);
    }
    put_surface(shadow, pixels, arrangement->width, arrangement->height);
    shadow->layout = arrangement->layout;
    g_mutex_unlock(&shadow->lock);
    notify_changed(shadow);
    return true;
}

bool
streamer_shadow_resize(struct streamer_shadow *shadow, uint32_t width, uint32_t height)
{
    uint8_t *pixels = new_surface(width, height, STREAMER_MAX_SHADOW_PIXELS);
    uint32_t rows;
    size_t bytes;
    uint32_t y;

    if (pixels == NULL) {
        return false;
    }
    g_mutex_lock(&shadow->lock);
    rows = height < shadow->height ? height : shadow->height;
    bytes = (size_t)(width < shadow->width ? width : shadow->width) * 4;
    for (y = 0; y < rows; y++) {
        memcpy(pixels + (size_t)y * width * 4, shadow->pixels + (size_t)y * shadow->width * 4,
               bytes);
    }
    put_surface(shadow, pixels, width, height);
    g_mutex_unlock(&shadow->lock);
    notify_changed(shadow);
    return true;
}

bool
streamer_shadow_replace(struct streamer_shadow *shadow, uint32_t width, uint32_t height,
                        const uint8_t *pixels, size_t stride)
{
    uint8_t *copy = new_surface(width, height, STREAMER_MAX_SHADOW_PIXELS);
    uint32_t y;

    if (copy == NULL) {
        return false;
    }
    for (y = 0; y < height; y++) {
        memcpy(copy + (size_t)y * width * 4, pixels + y * stride, (size_t)width * 4);
    }
    g_mutex_lock(&shadow->lock);
    put_surface(shadow, copy, width, height);
    g_mutex_unlock(&shadow->lock);
    notify_changed(shadow);
    return true;
}

/* With the lock held. False when the part is not inside the surface. */
static bool
write_part(struct streamer_shadow *shadow, const struct streamer_part *part, bool *ret_first)
{
    struct vdp_rect rect = {(uint16_t)part->x, (uint16_t)part->y, (uint16_t)part->width,
                            (uint16_t)part->height};
    uint32_t row;

    if (part->width == 0 || part->height == 0 || part->x > shadow->width ||
        part->width > shadow->width - part->x || part->y > shadow->height ||
        part->height > shadow->height - part->y) {
        return false;
    }
    for (row = 0; row < part->height; row++) {
        memcpy(shadow->pixels + ((size_t)(part->y + row) * shadow->width + part->x) * 4,
               part->pixels + row * part->stride, (size_t)part->width * 4);
    }
    *ret_first = add_damage(shadow, rect) || *ret_first;
    count_tick(shadow, &rect);
    return true;
}

bool
streamer_shadow_write_all(struct streamer_shadow *shadow, const struct streamer_part *parts,
                          size_t count)
{
    bool first = false;
    bool inside = true;
    size_t i;

    g_mutex_lock(&shadow->lock);
    for (i = 0; i < count; i++) {
        inside = write_part(shadow, &parts[i], &first) && inside;
    }
    g_mutex_unlock(&shadow->lock);
    if (first) {
        notify_changed(shadow);
    }
    return inside;
}

bool
streamer_shadow_write(struct streamer_shadow *shadow, uint32_t x, uint32_t y, uint32_t width,
                      uint32_t height, const uint8_t *pixels, size_t stride)
{
    const struct streamer_part part = {x, y, width, height, pixels, stride};

    return streamer_shadow_write_all(shadow, &part, 1);
}

void
streamer_shadow_blank(struct streamer_shadow *shadow, struct vdp_rect rect)
{
    bool first = false;
    uint32_t row;

    g_mutex_lock(&shadow->lock);
    if (shadow->pixels != NULL) {
        for (row = rect.y; row < (uint32_t)rect.y + rect.height; row++) {
            memset(shadow->pixels + ((size_t)row * shadow->width + rect.x) * 4, 0,
                   (size_t)rect.width * 4);
        }
        first = add_damage(shadow, rect);
    }
    g_mutex_unlock(&shadow->lock);
    if (first) {
        notify_changed(shadow);
    }
}

bool
streamer_shadow_set_cursor(struct streamer_shadow *shadow, uint32_t width, uint32_t height,
                           uint32_t hot_x, uint32_t hot_y, const uint8_t *rgba)
{
    uint8_t *copy;

    if (width == 0 || height == 0 || width > VDP_MAX_CURSOR || height > VDP_MAX_CURSOR ||
        hot_x >= width || hot_y >= height) {
        return false;
    }
    copy = malloc((size_t)width * height * 4);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, rgba, (size_t)width * height * 4);
    g_mutex_lock(&shadow->lock);
    free(shadow->cursor.rgba);
    shadow->cursor.rgba = copy;
    shadow->cursor.width = (uint16_t)width;
    shadow->cursor.height = (uint16_t)height;
    shadow->cursor.hot_x = (uint16_t)hot_x;
    shadow->cursor.hot_y = (uint16_t)hot_y;
    shadow->cursor.visible = true;
    shadow->cursor_serial++;
    g_mutex_unlock(&shadow->lock);
    notify_changed(shadow);
    return true;
}

void
streamer_shadow_show_cursor(struct streamer_shadow *shadow, bool visible)
{
    bool differs;

    g_mutex_lock(&shadow->lock);
    differs = shadow->cursor.visible != visible;
    if (differs) {
        shadow->cursor.visible = visible;
        shadow->cursor_serial++;
    }
    g_mutex_unlock(&shadow->lock);
    if (differs) {
        notify_changed(shadow);
    }
}

bool
streamer_shadow_size(struct streamer_shadow *shadow, uint16_t *ret_width, uint16_t *ret_height)
{
    bool known;

    g_mutex_lock(&shadow->lock);
    known = shadow->pixels != NULL;
    if (known) {
        *ret_width = shadow->width;
        *ret_height = shadow->height;
    }
    g_mutex_unlock(&shadow->lock);
    return known;
}

int64_t
streamer_shadow_damaged_since(struct streamer_shadow *shadow)
{
    int64_t since_us;

    g_mutex_lock(&shadow->lock);
    since_us = shadow->damage.count > 0 ? shadow->since_us : 0;
    g_mutex_unlock(&shadow->lock);
    return since_us;
}

size_t
streamer_shadow_damaged_tiles(struct streamer_shadow *shadow)
{
    size_t tiles;

    g_mutex_lock(&shadow->lock);
    tiles = streamer_damage_tiles(&shadow->damage);
    g_mutex_unlock(&shadow->lock);
    return tiles;
}

/* With the lock held. */
static bool
match_size(const struct streamer_shadow *shadow, struct streamer_picture *picture)
{
    if (picture->width != shadow->width || picture->height != shadow->height) {
        free(picture->pixels);
        g_free(picture->ticks);
        picture->ticks = g_new0(uint8_t, tiles_of(shadow->width) * tiles_of(shadow->height));
        picture->pixels = malloc((size_t)shadow->width * shadow->height * 4);
        if (picture->pixels == NULL) {
            picture->width = 0;
            picture->height = 0;
            return false;
        }
        picture->width = shadow->width;
        picture->height = shadow->height;
    }
    return true;
}

bool
streamer_shadow_take(struct streamer_shadow *shadow, struct streamer_picture *picture,
                     struct streamer_damage *ret_damage, int64_t *ret_since_us)
{
    bool same_size;
    size_t i;
    uint32_t row;

    g_mutex_lock(&shadow->lock);
    same_size = picture->width == shadow->width && picture->height == shadow->height;
    if (shadow->pixels == NULL || !match_size(shadow, picture)) {
        g_mutex_unlock(&shadow->lock);
        return false;
    }
    *ret_since_us = shadow->damage.count > 0 ? shadow->since_us : 0;
    picture->layout = shadow->layout;
    *ret_damage = shadow->damage;
    if (!same_size) {
        ret_damage->rects[0] = whole_surface(shadow);
        ret_damage->count = 1;
    }
    for (i = 0; i < ret_damage->count; i++) {
        struct vdp_rect r = ret_damage->rects[i];

        for (row = r.y; row < (uint32_t)r.y + r.height; row++) {
            size_t at = ((size_t)row * shadow->width + r.x) * 4;

            memcpy(picture->pixels + at, shadow->pixels + at, (size_t)r.width * 4);
        }
    }
    memcpy(picture->ticks, shadow->ticks, tiles_of(shadow->width) * tiles_of(shadow->height));
    memset(shadow->ticks, 0, tiles_of(shadow->width) * tiles_of(shadow->height));
    streamer_damage_clear(&shadow->damage);
    g_mutex_unlock(&shadow->lock);
    return true;
}

bool
streamer_shadow_copy(struct streamer_shadow *shadow, struct streamer_picture *picture)
{
    bool copied;

    g_mutex_lock(&shadow->lock);
    copied = shadow->pixels != NULL && match_size(shadow, picture);
    if (copied) {
        memcpy(picture->pixels, shadow->pixels, (size_t)shadow->width * shadow->height * 4);
    }
    g_mutex_unlock(&shadow->lock);
    return copied;
}

bool
streamer_shadow_take_cursor(struct streamer_shadow *shadow, uint32_t *seen,
                            struct streamer_cursor *ret_cursor)
{
    bool differs;

    g_mutex_lock(&shadow->lock);
    differs = *seen != shadow->cursor_serial;
    if (differs) {
        *seen = shadow->cursor_serial;
        *ret_cursor = shadow->cursor;
        ret_cursor->rgba = g_memdup2(shadow->cursor.rgba,
                                     (size_t)shadow->cursor.width * shadow->cursor.height * 4);
    }
    g_mutex_unlock(&shadow->lock);
    return differs;
}

void
streamer_picture_clear(struct streamer_picture *picture)
{
    free(picture->pixels);
    g_free(picture->ticks);
    *picture = (struct streamer_picture){0};
}

void
streamer_cursor_clear(struct streamer_cursor *cursor)
{
    free(cursor->rgba);
    *cursor = (struct streamer_cursor){0};
}
