/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/tiny-screen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libdrm/drm.h>
#include <libdrm/drm_mode.h>

#define MAX_OBJECTS 16
#define MAX_MODES   128
#define CURSOR_SIDE 64
#define ARROW_SIDE  24
#define CROSS_COLOR 0xffffffu

#define NOT_CONNECTED 2 /* DRM_MODE_DISCONNECTED of libdrm */

static int
call(int fd, unsigned long request, void *argument)
{
    int rc;

    do {
        rc = ioctl(fd, request, argument);
    } while (rc == -1 && (errno == EINTR || errno == EAGAIN));
    return rc == -1 ? -errno : 0;
}

int
screen_open(struct screen *screens, int most, const char *path)
{
    uint32_t connectors[MAX_OBJECTS], crtcs[MAX_OBJECTS], encoders[MAX_OBJECTS];
    struct drm_mode_card_res res = {
        .connector_id_ptr = (uintptr_t)connectors,
        .count_connectors = MAX_OBJECTS,
        .crtc_id_ptr = (uintptr_t)crtcs,
        .count_crtcs = MAX_OBJECTS,
        .encoder_id_ptr = (uintptr_t)encoders,
        .count_encoders = MAX_OBJECTS,
    };
    int fd = open(path, O_RDWR | O_CLOEXEC);
    int count = 0;
    int rc;

    if (fd == -1) {
        return -errno;
    }
    rc = call(fd, DRM_IOCTL_MODE_GETRESOURCES, &res);
    if (rc == 0 && (res.count_connectors == 0 || res.count_crtcs == 0)) {
        rc = -ENODEV;
    }
    if (rc != 0) {
        close(fd);
        return rc;
    }
    /* A virtual card has a connector for each of its CRTCs, in the same order. */
    for (; count < most && count < (int)res.count_connectors && count < (int)res.count_crtcs;
         count++) {
        screens[count] =
            (struct screen){.fd = fd, .connector = connectors[count], .crtc = crtcs[count]};
    }
    return count;
}

/* Fills mode with the preferred mode, or the first when none is marked; with zeros when nothing is
 * connected. */
static int
preferred_mode(const struct screen *screen, struct drm_mode_modeinfo *mode)
{
    static struct drm_mode_modeinfo modes[MAX_MODES];
    struct drm_mode_get_connector probe = {.connector_id = screen->connector};
    struct drm_mode_get_connector get = {
        .connector_id = screen->connector, .modes_ptr = (uintptr_t)modes, .count_modes = MAX_MODES};
    int rc = call(screen->fd, DRM_IOCTL_MODE_GETCONNECTOR, &probe); /* no modes wanted: it probes */

    if (rc == 0 && probe.count_modes > MAX_MODES) {
        rc = -E2BIG;
    }
    if (rc == 0) {
        rc = call(screen->fd, DRM_IOCTL_MODE_GETCONNECTOR, &get);
    }
    if (rc != 0) {
        return rc;
    }
    if (get.count_modes == 0 || get.connection == NOT_CONNECTED) {
        *mode = (struct drm_mode_modeinfo){0};
        return 0;
    }
    *mode = modes[0];
    for (uint32_t i = 0; i < get.count_modes; i++) {
        if ((modes[i].type & DRM_MODE_TYPE_PREFERRED) != 0) {
            *mode = modes[i];
            break;
        }
    }
    return 0;
}

static void
release_buffer(struct screen *screen)
{
    struct drm_mode_destroy_dumb destroy = {.handle = screen->handle};

    if (screen->memory != NULL) {
        munmap(screen->memory, screen->size);
    }
    if (screen->frame != 0) {
        call(screen->fd, DRM_IOCTL_MODE_RMFB, &screen->frame);
    }
    if (screen->handle != 0) {
        call(screen->fd, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy);
    }
    screen->memory = NULL;
    screen->frame = screen->handle = 0;
}

static int
map_buffer(int fd, uint32_t handle, uint64_t size, uint8_t **ret_memory)
{
    struct drm_mode_map_dumb map = {.handle = handle};
    int rc = call(fd, DRM_IOCTL_MODE_MAP_DUMB, &map);
    void *memory;

    if (rc != 0) {
        return rc;
    }
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)map.offset);
    if (memory == MAP_FAILED) {
        return -errno;
    }
    *ret_memory = memory;
    return 0;
}

static int
make_buffer(struct screen *screen, const struct drm_mode_modeinfo *mode)
{
    struct drm_mode_create_dumb create = {
        .width = mode->hdisplay, .height = mode->vdisplay, .bpp = 32};
    struct drm_mode_fb_cmd frame = {
        .width = mode->hdisplay, .height = mode->vdisplay, .bpp = 32, .depth = 24};
    int rc = call(screen->fd, DRM_IOCTL_MODE_CREATE_DUMB, &create);

    if (rc != 0) {
        return rc;
    }
    screen->handle = create.handle;
    screen->pitch = create.pitch;
    screen->size = create.size;
    frame.handle = create.handle;
    frame.pitch = create.pitch;
    rc = call(screen->fd, DRM_IOCTL_MODE_ADDFB, &frame);
    if (rc != 0) {
        return rc;
    }
    screen->frame = frame.fb_id;
    return map_buffer(screen->fd, screen->handle, screen->size, &screen->memory);
}

static int
switch_off(struct screen *screen)
{
    struct drm_mode_crtc crtc = {.crtc_id = screen->crtc};
    int rc = call(screen->fd, DRM_IOCTL_MODE_SETCRTC, &crtc);

    release_buffer(screen);
    screen->width = screen->height = 0;
    screen->has_cursor = false;
    return rc;
}

int
screen_update_mode(struct screen *screen, bool *ret_changed)
{
    struct drm_mode_modeinfo mode;
    struct drm_mode_crtc crtc = {.crtc_id = screen->crtc, .mode_valid = 1, .count_connectors = 1};
    struct screen old = *screen;
    int rc = preferred_mode(screen, &mode);

    *ret_changed = false;
    if (rc != 0 || (mode.hdisplay == screen->width && mode.vdisplay == screen->height)) {
        return rc;
    }
    if (mode.hdisplay == 0) {
        *ret_changed = true;
        return switch_off(screen);
    }
    screen->memory = NULL;
    screen->frame = screen->handle = 0;
    rc = make_buffer(screen, &mode);
    if (rc == 0) {
        crtc.mode = mode;
        crtc.fb_id = screen->frame;
        crtc.set_connectors_ptr = (uintptr_t)&screen->connector;
        rc = call(screen->fd, DRM_IOCTL_MODE_SETCRTC, &crtc);
    }
    if (rc != 0) {
        release_buffer(screen);
        *screen = old;
        return rc;
    }
    screen->width = mode.hdisplay;
    screen->height = mode.vdisplay;
    release_buffer(&old);
    *ret_changed = true;
    return 0;
}

static void
draw_cross(struct screen *screen, struct rect area, int cross_x, int cross_y)
{
    for (int y = area.y; y < area.y + area.height; y++) {
        uint32_t *row = (uint32_t *)(void *)(screen->memory + (size_t)y * screen->pitch);

        for (int x = area.x; x < area.x + area.width; x++) {
            int dx = x - cross_x, dy = y - cross_y;

            if ((dx == 0 && dy >= -CROSS_REACH && dy <= CROSS_REACH) ||
                (dy == 0 && dx >= -CROSS_REACH && dx <= CROSS_REACH)) {
                row[x] = CROSS_COLOR;
            }
        }
    }
}

int
screen_show(struct screen *screen, struct canvas *canvas, int cross_x, int cross_y)
{
    struct rect area = rect_clip(canvas->damage, canvas->width, canvas->height);
    struct drm_clip_rect clip = {(unsigned short)area.x, (unsigned short)area.y,
                                 (unsigned short)(area.x + area.width),
                                 (unsigned short)(area.y + area.height)};
    struct drm_mode_fb_dirty_cmd dirty = {
        .fb_id = screen->frame, .num_clips = 1, .clips_ptr = (uintptr_t)&clip};

    canvas->damage = (struct rect){0};
    if (rect_empty(area) || screen->memory == NULL) {
        return 0;
    }
    for (int y = area.y; y < area.y + area.height; y++) {
        memcpy(screen->memory + (size_t)y * screen->pitch + (size_t)area.x * 4,
               canvas->pixels + (size_t)y * (size_t)canvas->width + area.x, (size_t)area.width * 4);
    }
    draw_cross(screen, area, cross_x, cross_y);
    return call(screen->fd, DRM_IOCTL_MODE_DIRTYFB, &dirty);
}

/* An arrow that no desktop theme has: orange with a black edge, cut straight at its lower end. */
static uint32_t
arrow_color(int x, int y)
{
    bool inside = x < ARROW_SIDE && y < ARROW_SIDE && x <= y && (x + y < 32 || (x >= 8 && x <= 13));
    bool edge = x == 0 || x == y || y == ARROW_SIDE - 1 || x + y == 31;

    if (!inside) {
        return 0;
    }
    return edge ? 0xff000000u : 0xffff8c1au;
}

/* Makes the arrow's buffer, once. */
static int
make_arrow(struct screen *screen)
{
    struct drm_mode_create_dumb create = {.width = CURSOR_SIDE, .height = CURSOR_SIDE, .bpp = 32};
    uint8_t *memory = NULL;
    int rc = call(screen->fd, DRM_IOCTL_MODE_CREATE_DUMB, &create);

    if (rc == 0) {
        rc = map_buffer(screen->fd, create.handle, create.size, &memory);
    }
    if (rc != 0) {
        return rc;
    }
    for (int row = 0; row < CURSOR_SIDE; row++) {
        uint32_t *pixels = (uint32_t *)(void *)(memory + (size_t)row * create.pitch);

        for (int column = 0; column < CURSOR_SIDE; column++) {
            pixels[column] = arrow_color(column, row);
        }
    }
    munmap(memory, create.size);
    screen->cursor = create.handle;
    return 0;
}

int
screen_set_cursor(struct screen *screen, int x, int y)
{
    bool inside = x >= 0 && y >= 0 && x < screen->width && y < screen->height;
    struct drm_mode_cursor move = {
        .flags = DRM_MODE_CURSOR_MOVE, .crtc_id = screen->crtc, .x = x, .y = y};
    struct drm_mode_cursor2 show = {.flags = DRM_MODE_CURSOR_BO | DRM_MODE_CURSOR_MOVE,
                                    .crtc_id = screen->crtc,
                                    .width = CURSOR_SIDE,
                                    .height = CURSOR_SIDE,
                                    .x = x,
                                    .y = y};
    int rc = 0;

    if (inside == screen->has_cursor) {
        return inside ? call(screen->fd, DRM_IOCTL_MODE_CURSOR, &move) : 0;
    }
    if (inside && screen->cursor == 0) {
        rc = make_arrow(screen);
    }
    show.handle = inside ? screen->cursor : 0;
    if (rc == 0) {
        rc = call(screen->fd, DRM_IOCTL_MODE_CURSOR2, &show);
    }
    screen->has_cursor = rc == 0 ? inside : screen->has_cursor;
    return rc;
}
