/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/paint.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xcb/shape.h>
#include <xcb/shm.h>
#include <xcb/xcb.h>
#include <xcb/xfixes.h>

#define MAX_RECTS  32u
#define EVENT_MASK 0x7f /* without the bit for "sent by a client" */

struct client_paint {
    xcb_connection_t *connection;
    xcb_window_t window;
    xcb_gcontext_t gc;
    uint8_t depth;
    GMutex lock; /* all below */
    struct client_paint_place place;
    bool exposed;
    xcb_shm_seg_t segment; /* 0: none */
    uint8_t *pixels;       /* mapped; a picture without gaps */
    size_t size;
};

/* True when a pixel is 32 bit BGRX. */
static bool
has_bgrx_pixels(const xcb_setup_t *setup, const xcb_screen_t *screen)
{
    const xcb_format_t *formats = xcb_setup_pixmap_formats(setup);
    xcb_depth_iterator_t depths = xcb_screen_allowed_depths_iterator(screen);
    bool wide = false;
    int i;

    for (i = 0; i < xcb_setup_pixmap_formats_length(setup); i++)
        wide = wide || (formats[i].depth == screen->root_depth && formats[i].bits_per_pixel == 32);
    for (; wide && depths.rem > 0; xcb_depth_next(&depths)) {
        const xcb_visualtype_t *visuals = xcb_depth_visuals(depths.data);

        for (i = 0; i < xcb_depth_visuals_length(depths.data); i++) {
            if (visuals[i].visual_id == screen->root_visual)
                return setup->image_byte_order == XCB_IMAGE_ORDER_LSB_FIRST &&
                       visuals[i].red_mask == 0xff0000 && visuals[i].blue_mask == 0xff;
        }
    }
    return false;
}

/* Servers answer requests of an extension only after its version was asked for. */
static bool
has_extensions(xcb_connection_t *connection)
{
    xcb_shm_query_version_reply_t *shm =
        xcb_shm_query_version_reply(connection, xcb_shm_query_version(connection), NULL);
    xcb_xfixes_query_version_reply_t *fixes = xcb_xfixes_query_version_reply(
        connection, xcb_xfixes_query_version(connection, 4, 0), NULL);
    bool good = shm && (shm->major_version > 1 || shm->minor_version >= 2) && fixes &&
                fixes->major_version >= 2;

    free(shm);
    free(fixes);
    return good;
}

/* No background: what is below stays to be seen until it is painted over. */
static void
make_window(struct client_paint *paint, const xcb_screen_t *screen, uint32_t parent)
{
    const uint32_t mask =
        XCB_CW_BACK_PIXMAP | XCB_CW_BORDER_PIXEL | XCB_CW_EVENT_MASK | XCB_CW_COLORMAP;
    const uint32_t values[] = {XCB_BACK_PIXMAP_NONE, 0, XCB_EVENT_MASK_EXPOSURE,
                               screen->default_colormap};
    xcb_xfixes_region_t nothing = xcb_generate_id(paint->connection);

    paint->depth = screen->root_depth;
    paint->window = xcb_generate_id(paint->connection);
    xcb_create_window(paint->connection, screen->root_depth, paint->window, parent, 0, 0, 1, 1, 0,
                      XCB_WINDOW_CLASS_INPUT_OUTPUT, screen->root_visual, mask, values);
    paint->gc = xcb_generate_id(paint->connection);
    xcb_create_gc(paint->connection, paint->gc, paint->window, 0, NULL);
    xcb_xfixes_create_region(paint->connection, nothing, 0, NULL);
    xcb_xfixes_set_window_shape_region(paint->connection, paint->window, XCB_SHAPE_SK_INPUT, 0, 0,
                                       nothing);
    xcb_xfixes_destroy_region(paint->connection, nothing);
}

struct client_paint *
client_paint_new(const char *display, uint32_t parent)
{
    struct client_paint *paint = g_new0(struct client_paint, 1);
    xcb_screen_iterator_t screens;
    int number = 0;

    g_mutex_init(&paint->lock);
    paint->connection = xcb_connect(display, &number);
    if (xcb_connection_has_error(paint->connection)) {
        client_paint_free(paint);
        return NULL;
    }
    screens = xcb_setup_roots_iterator(xcb_get_setup(paint->connection));
    for (; number > 0 && screens.rem > 1; number--)
        xcb_screen_next(&screens);
    if (screens.rem == 0 || !has_bgrx_pixels(xcb_get_setup(paint->connection), screens.data) ||
        !has_extensions(paint->connection)) {
        client_paint_free(paint);
        return NULL;
    }
    make_window(paint, screens.data, parent);
    xcb_flush(paint->connection);
    return paint;
}

static void
drop_segment(struct client_paint *paint)
{
    if (paint->segment == 0)
        return;
    xcb_shm_detach(paint->connection, paint->segment);
    munmap(paint->pixels, paint->size);
    paint->segment = 0;
}

void
client_paint_free(struct client_paint *paint)
{
    if (!paint)
        return;
    drop_segment(paint);
    xcb_disconnect(paint->connection); /* the window goes with it */
    g_mutex_clear(&paint->lock);
    g_free(paint);
}

/* With the lock held. A segment that the server makes, so that it may run as another user. */
static bool
fit_segment(struct client_paint *paint, size_t size)
{
    xcb_shm_create_segment_reply_t *reply;
    xcb_shm_seg_t segment;
    void *pixels = MAP_FAILED;

    if (paint->segment != 0 && paint->size == size)
        return true;
    drop_segment(paint);
    segment = xcb_generate_id(paint->connection);
    reply = xcb_shm_create_segment_reply(
        paint->connection,
        xcb_shm_create_segment(paint->connection, segment, (uint32_t)size, false), NULL);
    if (reply && reply->nfd == 1) {
        int fd = xcb_shm_create_segment_reply_fds(paint->connection, reply)[0];

        pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    }
    free(reply);
    if (pixels == MAP_FAILED)
        return false;
    paint->segment = segment;
    paint->pixels = pixels;
    paint->size = size;
    return true;
}

/* With the lock held. */
static void
take_events(struct client_paint *paint, xcb_generic_event_t *event)
{
    for (; event; event = xcb_poll_for_queued_event(paint->connection)) {
        if ((event->response_type & EVENT_MASK) == XCB_EXPOSE)
            paint->exposed = true;
        free(event);
    }
}

static void
cut_holes(struct client_paint *paint)
{
    const struct client_paint_place *place = &paint->place;
    xcb_rectangle_t whole = {0, 0, (uint16_t)place->width, (uint16_t)place->height};
    xcb_rectangle_t holes[CLIENT_PAINT_HOLES];
    xcb_xfixes_region_t shape = xcb_generate_id(paint->connection);
    xcb_xfixes_region_t cut = xcb_generate_id(paint->connection);
    unsigned i;

    for (i = 0; i < place->holes; i++)
        holes[i] = (xcb_rectangle_t){
            (int16_t)(place->hole[i].x - place->x), (int16_t)(place->hole[i].y - place->y),
            (uint16_t)place->hole[i].width, (uint16_t)place->hole[i].height};
    xcb_xfixes_create_region(paint->connection, shape, 1, &whole);
    xcb_xfixes_create_region(paint->connection, cut, place->holes, holes);
    xcb_xfixes_subtract_region(paint->connection, shape, cut, shape);
    xcb_xfixes_set_window_shape_region(paint->connection, paint->window, XCB_SHAPE_SK_BOUNDING, 0,
                                       0, shape);
    xcb_xfixes_destroy_region(paint->connection, shape);
    xcb_xfixes_destroy_region(paint->connection, cut);
}

void
client_paint_place(struct client_paint *paint, const struct client_paint_place *place)
{
    const uint32_t values[] = {(uint32_t)place->x, (uint32_t)place->y, (uint32_t)place->width,
                               (uint32_t)place->height};

    g_mutex_lock(&paint->lock);
    paint->place = *place;
    if (place->width > 0 && place->height > 0) {
        xcb_configure_window(paint->connection, paint->window,
                             XCB_CONFIG_WINDOW_X | XCB_CONFIG_WINDOW_Y | XCB_CONFIG_WINDOW_WIDTH |
                                 XCB_CONFIG_WINDOW_HEIGHT,
                             values);
        cut_holes(paint);
        xcb_map_window(paint->connection, paint->window);
    } else {
        xcb_unmap_window(paint->connection, paint->window);
    }
    xcb_flush(paint->connection);
    g_mutex_unlock(&paint->lock);
}

/* With the lock held. */
static void
put_rect(struct client_paint *paint, const struct vdp_image *image, const struct vdp_rect *rect)
{
    size_t stride = image->width * (size_t)4;
    unsigned row;

    for (row = rect->y; row < (unsigned)rect->y + rect->height; row++)
        memcpy(paint->pixels + row * stride + rect->x * (size_t)4,
               image->pixels + row * image->stride + rect->x * (size_t)4, rect->width * (size_t)4);
    xcb_shm_put_image(paint->connection, paint->window, paint->gc, image->width, image->height,
                      rect->x, rect->y, rect->width, rect->height,
                      (int16_t)(rect->x - paint->place.view_x),
                      (int16_t)(rect->y - paint->place.view_y), paint->depth,
                      XCB_IMAGE_FORMAT_Z_PIXMAP, 0, paint->segment, 0);
}

bool
client_paint_tiles(struct client_paint *paint, const struct vdp_image *image, const uint32_t *tiles,
                   size_t count)
{
    struct vdp_rect rects[MAX_RECTS] = {{0, 0, image->width, image->height}};
    size_t joined = tiles ? client_paint_join(image, tiles, count, rects, MAX_RECTS) : 1;
    xcb_get_input_focus_reply_t *reply = NULL;
    size_t i;

    g_mutex_lock(&paint->lock);
    if (paint->place.width > 0 && paint->place.height > 0 &&
        fit_segment(paint, image->width * (size_t)image->height * 4)) {
        for (i = 0; i < joined; i++)
            put_rect(paint, image, &rects[i]);
        /* The answer comes behind the pixels: they are shown, and the segment is free again. */
        reply = xcb_get_input_focus_reply(paint->connection, xcb_get_input_focus(paint->connection),
                                          NULL);
        take_events(paint, xcb_poll_for_queued_event(paint->connection));
    }
    g_mutex_unlock(&paint->lock);
    free(reply);
    return reply != NULL;
}

bool
client_paint_exposed(struct client_paint *paint)
{
    bool exposed;

    g_mutex_lock(&paint->lock);
    take_events(paint, xcb_poll_for_event(paint->connection));
    exposed = paint->exposed;
    paint->exposed = false;
    g_mutex_unlock(&paint->lock);
    return exposed;
}

int
client_paint_fd(const struct client_paint *paint)
{
    return xcb_get_file_descriptor(paint->connection);
}
