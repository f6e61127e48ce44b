/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/x11-screen.h"

#include <glib.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xcb/damage.h>
#include <xcb/randr.h>
#include <xcb/shm.h>
#include <xcb/xcb.h>
#include <xcb/xfixes.h>
#include <xcb/xtest.h>

#include "hostd/streamer/cursor-alpha.h"
#include "hostd/streamer/damage.h"
#include "hostd/streamer/x11-size.h"
#include "protocol/base/log.h"
#include "protocol/wire/messages.h"

#define KEYCODE_OFFSET  8u /* X keycodes of servers with evdev's keymap */
#define MAX_KEYCODE     255u
#define RELATIVE_MOTION 1    /* the detail of a faked motion that is not a position */
#define EVENT_MASK      0x7f /* without the bit for "sent by a client" */
#define MAX_ROUNDS      3u   /* of one look, for who draws without pause */

struct x11_screen {
    xcb_connection_t *connection;
    xcb_window_t root;
    struct streamer_shadow *shadow; /* a reference */
    xcb_damage_damage_t damage_id;
    uint8_t damage_event, fixes_event, randr_event; /* first event of each extension; 0: none */
    uint16_t width, height;
    struct streamer_damage damage;
    bool size_is_old, cursor_is_old;

    xcb_shm_seg_t segment; /* 0: none */
    uint8_t *pixels;       /* mapped, segment_size bytes */
    size_t segment_size;
};

/* Opening. */

/* The first event of an extension, or -1 when the server has none of that version. */
static int
find_extension(xcb_connection_t *connection, xcb_extension_t *extension)
{
    const xcb_query_extension_reply_t *reply = xcb_get_extension_data(connection, extension);

    return reply != NULL && reply->present ? reply->first_event : -1;
}

static bool
has_bgrx_pixels(const xcb_setup_t *setup, const xcb_screen_t *screen)
{
    xcb_format_iterator_t format = xcb_setup_pixmap_formats_iterator(setup);
    xcb_depth_iterator_t depth = xcb_screen_allowed_depths_iterator(screen);
    bool has_32_bits = false;

    for (; format.rem > 0; xcb_format_next(&format)) {
        has_32_bits = has_32_bits || (format.data->depth == screen->root_depth &&
                                      format.data->bits_per_pixel == 32);
    }
    for (; depth.rem > 0; xcb_depth_next(&depth)) {
        xcb_visualtype_iterator_t visual = xcb_depth_visuals_iterator(depth.data);

        for (; visual.rem > 0; xcb_visualtype_next(&visual)) {
            if (visual.data->visual_id == screen->root_visual) {
                return has_32_bits && setup->image_byte_order == XCB_IMAGE_ORDER_LSB_FIRST &&
                       (screen->root_depth == 24 || screen->root_depth == 32) &&
                       visual.data->red_mask == 0xff0000 && visual.data->green_mask == 0xff00 &&
                       visual.data->blue_mask == 0xff;
            }
        }
    }
    return false;
}

/* Servers answer requests of an extension only after its version was asked for. */
static const char *
find_extensions(struct x11_screen *screen)
{
    xcb_connection_t *connection = screen->connection;
    int damage = find_extension(connection, &xcb_damage_id);
    int fixes = find_extension(connection, &xcb_xfixes_id);
    int randr = find_extension(connection, &xcb_randr_id);
    xcb_shm_query_version_reply_t *shm = NULL;
    bool has_segments;

    if (find_extension(connection, &xcb_shm_id) >= 0) {
        shm = xcb_shm_query_version_reply(connection, xcb_shm_query_version(connection), NULL);
    }
    has_segments = shm != NULL && (shm->major_version > 1 || shm->minor_version >= 2);
    free(shm);
    if (!has_segments) {
        return "the X server has no shared memory (MIT-SHM 1.2)";
    }
    if (damage < 0 || fixes < 0) {
        return "the X server reports no changes (DAMAGE and XFIXES)";
    }
    if (find_extension(connection, &xcb_test_id) < 0) {
        return "the X server takes no input (XTEST)";
    }
    free(xcb_damage_query_version_reply(connection, xcb_damage_query_version(connection, 1, 1),
                                        NULL));
    free(xcb_xfixes_query_version_reply(connection, xcb_xfixes_query_version(connection, 4, 0),
                                        NULL));
    screen->damage_event = (uint8_t)damage;
    screen->fixes_event = (uint8_t)fixes;
    if (randr >= 0) {
        free(xcb_randr_query_version_reply(connection, xcb_randr_query_version(connection, 1, 3),
                                           NULL));
        screen->randr_event = (uint8_t)randr;
    }
    return NULL;
}

/* NULL or what is wrong. */
static const char *
set_up(struct x11_screen *screen, int number)
{
    const xcb_setup_t *setup = xcb_get_setup(screen->connection);
    xcb_screen_iterator_t all;
    const char *problem;

    if (xcb_connection_has_error(screen->connection)) {
        return "nobody answers there, or we may not see it";
    }
    for (all = xcb_setup_roots_iterator(setup); number > 0 && all.rem > 1; number--) {
        xcb_screen_next(&all);
    }
    if (all.rem == 0 || !has_bgrx_pixels(setup, all.data)) {
        return "its pixels are not 32 bit BGRX: start the X server with depth 24";
    }
    screen->root = all.data->root;
    problem = find_extensions(screen);
    if (problem != NULL) {
        return problem;
    }
    xcb_xfixes_select_cursor_input(screen->connection, screen->root,
                                   XCB_XFIXES_CURSOR_NOTIFY_MASK_DISPLAY_CURSOR);
    if (screen->randr_event != 0) {
        xcb_randr_select_input(screen->connection, screen->root,
                               XCB_RANDR_NOTIFY_MASK_SCREEN_CHANGE);
    }
    screen->damage_id = xcb_generate_id(screen->connection);
    xcb_damage_create(screen->connection, screen->damage_id, screen->root,
                      XCB_DAMAGE_REPORT_LEVEL_DELTA_RECTANGLES);
    screen->size_is_old = true;
    screen->cursor_is_old = true;
    if (!x11_screen_grab(screen)) {
        return "its picture cannot be read";
    }
    return NULL;
}

struct x11_screen *
x11_screen_open(const char *display, struct streamer_shadow *shadow, char **ret_error)
{
    struct x11_screen *screen = g_new0(struct x11_screen, 1);
    const char *problem;
    int number = 0;

    screen->shadow = streamer_shadow_ref(shadow);
    screen->connection = xcb_connect(display, &number);
    problem = set_up(screen, number);
    if (problem != NULL) {
        *ret_error = g_strdup_printf("X display %s: %s", display, problem);
        x11_screen_close(screen);
        return NULL;
    }
    return screen;
}

static void
drop_segment(struct x11_screen *screen)
{
    if (screen->segment != 0) {
        xcb_shm_detach(screen->connection, screen->segment);
        munmap(screen->pixels, screen->segment_size);
        screen->segment = 0;
    }
}

void
x11_screen_close(struct x11_screen *screen)
{
    if (screen == NULL) {
        return;
    }
    drop_segment(screen);
    xcb_disconnect(screen->connection);
    streamer_shadow_unref(screen->shadow);
    g_free(screen);
}

int
x11_screen_fd(const struct x11_screen *screen)
{
    return xcb_get_file_descriptor(screen->connection);
}

void
x11_screen_cut(struct x11_screen *screen)
{
    shutdown(xcb_get_file_descriptor(screen->connection), SHUT_RDWR);
}

/* Events. */

static void
take_damage(struct x11_screen *screen, const xcb_damage_notify_event_t *event)
{
    int left = CLAMP(event->area.x, 0, screen->width);
    int top = CLAMP(event->area.y, 0, screen->height);
    int right = CLAMP(event->area.x + event->area.width, 0, screen->width);
    int bottom = CLAMP(event->area.y + event->area.height, 0, screen->height);

    if (left < right && top < bottom) {
        streamer_damage_add(&screen->damage,
                            (struct vdp_rect){(uint16_t)left, (uint16_t)top,
                                              (uint16_t)(right - left), (uint16_t)(bottom - top)});
    }
}

/* RandR tells the size once although nothing changed, right after it was asked to. */
static void
take_size(struct x11_screen *screen, const xcb_randr_screen_change_notify_event_t *event)
{
    if (event->width != screen->width || event->height != screen->height) {
        screen->size_is_old = true;
    }
}

bool
x11_screen_read(struct x11_screen *screen)
{
    xcb_generic_event_t *event;

    while ((event = xcb_poll_for_event(screen->connection)) != NULL) {
        uint8_t type = event->response_type & EVENT_MASK;

        if (type == screen->damage_event + XCB_DAMAGE_NOTIFY) {
            take_damage(screen, (const xcb_damage_notify_event_t *)event);
        } else if (type == screen->fixes_event + XCB_XFIXES_CURSOR_NOTIFY) {
            screen->cursor_is_old = true;
        } else if (screen->randr_event != 0 &&
                   type == screen->randr_event + XCB_RANDR_SCREEN_CHANGE_NOTIFY) {
            take_size(screen, (const xcb_randr_screen_change_notify_event_t *)event);
        } else if (type == 0) {
            vd_debug("x11-screen", "the X server refused request %d.%d",
                     ((const xcb_generic_error_t *)event)->major_code,
                     ((const xcb_generic_error_t *)event)->minor_code);
        }
        free(event);
    }
    return xcb_connection_has_error(screen->connection) == 0;
}

bool
x11_screen_is_damaged(const struct x11_screen *screen)
{
    return screen->size_is_old || screen->cursor_is_old || screen->damage.count > 0;
}

/* Pixels. */

/* A segment that the server makes, so that it need not run as our user. */
static bool
make_segment(struct x11_screen *screen, size_t size)
{
    xcb_shm_create_segment_reply_t *reply;
    xcb_shm_seg_t segment;
    void *pixels = MAP_FAILED;

    if (screen->segment != 0 && screen->segment_size >= size) {
        return true;
    }
    drop_segment(screen);
    segment = xcb_generate_id(screen->connection);
    reply = xcb_shm_create_segment_reply(
        screen->connection,
        xcb_shm_create_segment(screen->connection, segment, (uint32_t)size, false), NULL);
    if (reply != NULL && reply->nfd == 1) {
        int fd = xcb_shm_create_segment_reply_fds(screen->connection, reply)[0];

        pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    }
    free(reply);
    if (pixels == MAP_FAILED) {
        return false;
    }
    screen->segment = segment;
    screen->segment_size = size;
    screen->pixels = pixels;
    return true;
}

static xcb_shm_get_image_cookie_t
ask_for(struct x11_screen *screen, struct vdp_rect rect, size_t offset)
{
    return xcb_shm_get_image(screen->connection, screen->root, (int16_t)rect.x, (int16_t)rect.y,
                             rect.width, rect.height, ~0u, XCB_IMAGE_FORMAT_Z_PIXMAP,
                             screen->segment, (uint32_t)offset);
}

static bool
is_there(struct x11_screen *screen, xcb_shm_get_image_cookie_t cookie)
{
    xcb_generic_error_t *error = NULL;
    xcb_shm_get_image_reply_t *reply = xcb_shm_get_image_reply(screen->connection, cookie, &error);
    bool came = reply != NULL;

    free(reply);
    free(error);
    return came;
}

/* What is read from the server before anybody sees it. */
struct catch
{
    struct streamer_part parts[STREAMER_MAX_RECTS];
    size_t count;
    size_t size; /* bytes of the segment that they take */
};

/* Reads the damage behind what was caught before, or everything when it does not fit there. */
static void
catch_damage(struct x11_screen *screen, struct catch *catch)
{
    struct streamer_damage damage = screen->damage;
    xcb_shm_get_image_cookie_t cookies[STREAMER_MAX_RECTS];
    size_t first = catch->count;
    size_t size = catch->size;
    size_t i;

    for (i = 0; i < damage.count; i++) {
        size += (size_t)damage.rects[i].width * damage.rects[i].height * 4;
    }
    if (size > screen->segment_size || first + damage.count > STREAMER_MAX_RECTS) {
        damage.rects[0] = (struct vdp_rect){0, 0, screen->width, screen->height};
        damage.count = 1;
        first = 0;
        catch->size = 0;
    }
    /* What is drawn after this request is told anew, what was drawn before is read below. */
    xcb_damage_subtract(screen->connection, screen->damage_id, XCB_NONE, XCB_NONE);
    streamer_damage_clear(&screen->damage);
    for (i = 0; i < damage.count; i++) {
        struct vdp_rect r = damage.rects[i];

        cookies[i] = ask_for(screen, r, catch->size);
        catch->parts[first + i] = (struct streamer_part){
            r.x, r.y, r.width, r.height, screen->pixels + catch->size, (size_t)r.width * 4};
        catch->size += (size_t)r.width * r.height * 4;
    }
    catch->count = first + damage.count;
    for (i = 0; i < damage.count; i++) {
        if (!is_there(screen, cookies[i])) {
            screen->size_is_old = true; /* it became smaller than the rectangle meanwhile */
        }
    }
}

/*
 * Who draws much draws it in several requests, and we hear of the first while the server is still
 * at the others. The answers to our own requests come after them and bring the rest of the damage.
 */
static bool
grab_rects(struct x11_screen *screen)
{
    struct catch catch = {0};
    unsigned rounds = 0;
    bool good;

    do {
        catch_damage(screen, &catch);
        good = x11_screen_read(screen);
    } while (good && !screen->size_is_old && screen->damage.count > 0 && ++rounds < MAX_ROUNDS);
    if (!screen->size_is_old) {
        (void)streamer_shadow_write_all(screen->shadow, catch.parts, catch.count);
    }
    return good;
}

/* Reads the size and the whole picture; the size may change once more between the two. */
static bool
grab_all(struct x11_screen *screen)
{
    xcb_get_geometry_reply_t *geometry = xcb_get_geometry_reply(
        screen->connection, xcb_get_geometry(screen->connection, screen->root), NULL);
    xcb_shm_get_image_cookie_t cookie;

    if (geometry == NULL) {
        return false;
    }
    screen->width = geometry->width;
    screen->height = geometry->height;
    free(geometry);
    if ((size_t)screen->width * screen->height > STREAMER_MAX_SHADOW_PIXELS ||
        !make_segment(screen, (size_t)screen->width * screen->height * 4)) {
        return false;
    }
    /* What was told before the answer is part of it; a new damage object tells of everything. */
    (void)x11_screen_read(screen);
    screen->size_is_old = false;
    streamer_damage_clear(&screen->damage);
    xcb_damage_subtract(screen->connection, screen->damage_id, XCB_NONE, XCB_NONE);
    cookie = ask_for(screen, (struct vdp_rect){0, 0, screen->width, screen->height}, 0);
    if (!is_there(screen, cookie)) {
        screen->size_is_old = true;
        return xcb_connection_has_error(screen->connection) == 0;
    }
    return streamer_shadow_replace(screen->shadow, screen->width, screen->height, screen->pixels,
                                   (size_t)screen->width * 4);
}

static void
grab_cursor(struct x11_screen *screen)
{
    xcb_xfixes_get_cursor_image_reply_t *reply = xcb_xfixes_get_cursor_image_reply(
        screen->connection, xcb_xfixes_get_cursor_image(screen->connection), NULL);
    size_t count;
    const uint32_t *argb;
    uint8_t *rgba;
    size_t i;

    screen->cursor_is_old = false;
    if (reply == NULL || reply->width == 0 || reply->height == 0 || reply->width > VDP_MAX_CURSOR ||
        reply->height > VDP_MAX_CURSOR) {
        free(reply);
        return;
    }
    count = (size_t)reply->width * reply->height;
    argb = xcb_xfixes_get_cursor_image_cursor_image(reply);
    rgba = g_malloc(count * 4);
    for (i = 0; i < count; i++) {
        rgba[i * 4] = (uint8_t)(argb[i] >> 16);
        rgba[i * 4 + 1] = (uint8_t)(argb[i] >> 8);
        rgba[i * 4 + 2] = (uint8_t)argb[i];
        rgba[i * 4 + 3] = (uint8_t)(argb[i] >> 24);
    }
    streamer_cursor_straighten(rgba, count);
    streamer_shadow_set_cursor(screen->shadow, reply->width, reply->height,
                               MIN(reply->xhot, reply->width - 1u),
                               MIN(reply->yhot, reply->height - 1u), rgba);
    g_free(rgba);
    free(reply);
}

bool
x11_screen_grab(struct x11_screen *screen)
{
    bool good = true;

    if (screen->size_is_old) {
        good = grab_all(screen);
    } else if (screen->damage.count > 0) {
        good = grab_rects(screen);
    }
    if (good && screen->cursor_is_old) {
        grab_cursor(screen);
    }
    return good && xcb_connection_has_error(screen->connection) == 0;
}

/* Input. */

static void
fake_input(struct x11_screen *screen, uint8_t type, uint8_t detail, uint16_t x, uint16_t y)
{
    xcb_test_fake_input(screen->connection, type, detail, XCB_CURRENT_TIME, screen->root,
                        (int16_t)x, (int16_t)y, 0);
}

void
x11_screen_key(struct x11_screen *screen, uint16_t code, bool down)
{
    if (code + KEYCODE_OFFSET <= MAX_KEYCODE) {
        fake_input(screen, down ? XCB_KEY_PRESS : XCB_KEY_RELEASE, (uint8_t)(code + KEYCODE_OFFSET),
                   0, 0);
    }
}

void
x11_screen_pointer(struct x11_screen *screen, uint16_t x, uint16_t y)
{
    fake_input(screen, XCB_MOTION_NOTIFY, 0, x, y);
}

void
x11_screen_motion(struct x11_screen *screen, int16_t dx, int16_t dy)
{
    fake_input(screen, XCB_MOTION_NOTIFY, RELATIVE_MOTION, (uint16_t)dx, (uint16_t)dy);
}

void
x11_screen_button(struct x11_screen *screen, uint8_t button, bool down)
{
    fake_input(screen, down ? XCB_BUTTON_PRESS : XCB_BUTTON_RELEASE, button, 0, 0);
}

void
x11_screen_set_size(struct x11_screen *screen, uint16_t width, uint16_t height)
{
    if (screen->randr_event != 0 && (width != screen->width || height != screen->height)) {
        x11_size_set(screen->connection, screen->root, width, height);
    }
}

void
x11_screen_flush(struct x11_screen *screen)
{
    xcb_flush(screen->connection);
}
