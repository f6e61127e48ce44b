/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/wire/messages.h"

#include "protocol/wire/body.h"

#define MONITORS_FIXED_SIZE 1u
#define MONITOR_SIZE        10u
#define LAYOUT_FIXED_SIZE   3u
#define AREA_SIZE           8u

static bool
overlap(const struct vdp_area *a, const struct vdp_area *b)
{
    return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height &&
           b->y < a->y + a->height;
}

/* Sides, overlaps and the box from 0, 0 around all of them. Dark ones (0 by 0) take no room. */
static bool
are_valid_areas(const struct vdp_area *areas, size_t count)
{
    uint32_t right = 0;
    uint32_t bottom = 0;
    size_t i;
    size_t j;

    for (i = 0; i < count; i++) {
        const struct vdp_area *area = &areas[i];

        if (!vdp_body_is_surface(area->width, area->height)) {
            return false;
        }
        for (j = 0; j < i; j++) {
            if (overlap(area, &areas[j])) {
                return false;
            }
        }
        right = right > (uint32_t)area->x + area->width ? right : (uint32_t)area->x + area->width;
        bottom =
            bottom > (uint32_t)area->y + area->height ? bottom : (uint32_t)area->y + area->height;
    }
    return vdp_body_is_surface(right, bottom);
}

static bool
are_valid_monitors(const struct vdp_monitors *message)
{
    struct vdp_area areas[VDP_MAX_MONITORS];
    uint16_t left = UINT16_MAX;
    uint16_t top = UINT16_MAX;
    size_t i;

    if (message->count == 0 || message->count > VDP_MAX_MONITORS) {
        return false;
    }
    for (i = 0; i < message->count; i++) {
        const struct vdp_monitor *one = &message->at[i];

        if (one->scale < VDP_MIN_SCALE || one->scale > VDP_MAX_SCALE) {
            return false;
        }
        areas[i] = (struct vdp_area){one->x, one->y, one->width, one->height};
        left = one->x < left ? one->x : left;
        top = one->y < top ? one->y : top;
    }
    return left == 0 && top == 0 && are_valid_areas(areas, message->count);
}

int
vdp_put_monitors(struct vdp_buffer *out, const struct vdp_monitors *message)
{
    size_t i;

    if (!are_valid_monitors(message)) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, VDP_MONITORS, MONITORS_FIXED_SIZE + MONITOR_SIZE * (size_t)message->count);
    vdp_buffer_put_u8(out, message->count);
    for (i = 0; i < message->count; i++) {
        vdp_buffer_put_u16(out, message->at[i].x);
        vdp_buffer_put_u16(out, message->at[i].y);
        vdp_buffer_put_u16(out, message->at[i].width);
        vdp_buffer_put_u16(out, message->at[i].height);
        vdp_buffer_put_u16(out, message->at[i].scale);
    }
    return out->error;
}

int
vdp_get_monitors(const struct vdp_record *record, struct vdp_monitors *ret_message)
{
    struct vdp_monitors monitors = {0};
    struct vdp_reader reader;
    size_t i;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    monitors.count = vdp_reader_u8(&reader);
    if (reader.error == 0 && monitors.count > VDP_MAX_MONITORS) {
        return VDP_ERR_RANGE;
    }
    for (i = 0; i < monitors.count; i++) {
        monitors.at[i].x = vdp_reader_u16(&reader);
        monitors.at[i].y = vdp_reader_u16(&reader);
        monitors.at[i].width = vdp_reader_u16(&reader);
        monitors.at[i].height = vdp_reader_u16(&reader);
        monitors.at[i].scale = vdp_reader_u16(&reader);
    }
    error = vdp_reader_end(&reader);
    if (error == 0 && !are_valid_monitors(&monitors)) {
        error = VDP_ERR_RANGE;
    }
    if (error == 0) {
        *ret_message = monitors;
    }
    return error;
}

static bool
is_dark(const struct vdp_area *area)
{
    return area->width == 0 && area->height == 0 && area->x == 0 && area->y == 0;
}

static bool
is_valid_layout(const struct vdp_layout *message)
{
    struct vdp_area lit[VDP_MAX_MONITORS];
    size_t count = 0;
    size_t i;

    if (message->count == 0 || message->count > VDP_MAX_MONITORS ||
        is_dark(&message->at[message->count - 1])) {
        return false;
    }
    for (i = 0; i < message->count; i++) {
        if (!is_dark(&message->at[i])) {
            lit[count++] = message->at[i];
        }
    }
    return are_valid_areas(lit, count);
}

int
vdp_put_layout(struct vdp_buffer *out, const struct vdp_layout *message)
{
    size_t i;

    if (!is_valid_layout(message)) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, VDP_LAYOUT, LAYOUT_FIXED_SIZE + AREA_SIZE * (size_t)message->count);
    vdp_buffer_put_u16(out, message->surface);
    vdp_buffer_put_u8(out, message->count);
    for (i = 0; i < message->count; i++) {
        vdp_buffer_put_u16(out, message->at[i].x);
        vdp_buffer_put_u16(out, message->at[i].y);
        vdp_buffer_put_u16(out, message->at[i].width);
        vdp_buffer_put_u16(out, message->at[i].height);
    }
    return out->error;
}

int
vdp_get_layout(const struct vdp_record *record, struct vdp_layout *ret_message)
{
    struct vdp_layout layout = {0};
    struct vdp_reader reader;
    size_t i;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    layout.surface = vdp_reader_u16(&reader);
    layout.count = vdp_reader_u8(&reader);
    if (reader.error == 0 && layout.count > VDP_MAX_MONITORS) {
        return VDP_ERR_RANGE;
    }
    for (i = 0; i < layout.count; i++) {
        layout.at[i].x = vdp_reader_u16(&reader);
        layout.at[i].y = vdp_reader_u16(&reader);
        layout.at[i].width = vdp_reader_u16(&reader);
        layout.at[i].height = vdp_reader_u16(&reader);
    }
    error = vdp_reader_end(&reader);
    if (error == 0 && !is_valid_layout(&layout)) {
        error = VDP_ERR_RANGE;
    }
    if (error == 0) {
        *ret_message = layout;
    }
    return error;
}
