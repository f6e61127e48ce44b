/* SPDX-License-Identifier: Apache-2.0 */
/* Pixels past the toolkit: joined rectangles, and a real X server that shows them. */
#include "client/native/paint.h"

#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <xcb/xcb.h>

#include "tests/unit/xvfb.h"

#define WAIT_US (10 * G_USEC_PER_SEC)
#define WIDTH   200u /* 4 by 3 tiles */
#define HEIGHT  150u
#define BELOW   0x112233u

struct fixture {
    pid_t server;
    char display[XVFB_NAME];
    xcb_connection_t *connection;
    xcb_window_t parent;
    struct client_paint *paint;
    uint32_t pixels[WIDTH * HEIGHT];
    struct vdp_image image;
};

static void
test_tiles_are_joined(void)
{
    static const struct {
        uint32_t tiles[6];
        size_t count;
        struct vdp_rect rects[3];
        size_t joined;
    } rows[] = {
        {{0}, 0, {{0, 0, 0, 0}}, 0},
        {{5}, 1, {{64, 64, 64, 64}}, 1},
        {{1, 2, 5, 6}, 4, {{64, 0, 128, 128}}, 1},
        {{3, 7, 11}, 3, {{192, 0, 8, 150}}, 1},
        {{0, 2, 4, 6}, 4, {{0, 0, 64, 128}, {128, 0, 64, 128}}, 2},
        {{0, 1, 5, 10}, 4, {{0, 0, 128, 64}, {64, 64, 64, 64}, {128, 128, 64, 22}}, 3},
    };
    const struct vdp_image image = {NULL, WIDTH * 4, WIDTH, HEIGHT};
    struct vdp_rect rects[3];
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpuint(client_paint_join(&image, rows[i].tiles, rows[i].count, rects, 3), ==,
                         rows[i].joined);
        g_assert_cmpmem(rects, rows[i].joined * sizeof(rects[0]), rows[i].rects,
                        rows[i].joined * sizeof(rects[0]));
    }
    /* Without room the last one covers the rest. */
    g_assert_cmpuint(client_paint_join(&image, rows[5].tiles, 4, rects, 2), ==, 2);
    g_assert_cmpuint(rects[1].x + rects[1].width, ==, 192);
    g_assert_cmpuint(rects[1].y + rects[1].height, ==, 150);
}

static bool
set_up(struct fixture *fixture)
{
    const uint32_t values[] = {BELOW, XCB_EVENT_MASK_BUTTON_PRESS};
    xcb_screen_t *screen;
    size_t i;

    memset(fixture, 0, sizeof(*fixture));
    fixture->server = xvfb_start("320x240x24", fixture->display);
    if (fixture->server < 0) {
        g_test_skip("there is no Xvfb");
        return false;
    }
    fixture->connection = xcb_connect(fixture->display, NULL);
    g_assert_cmpint(xcb_connection_has_error(fixture->connection), ==, 0);
    screen = xcb_setup_roots_iterator(xcb_get_setup(fixture->connection)).data;
    fixture->parent = xcb_generate_id(fixture->connection);
    xcb_create_window(fixture->connection, XCB_COPY_FROM_PARENT, fixture->parent, screen->root, 0,
                      0, 320, 240, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT, XCB_COPY_FROM_PARENT,
                      XCB_CW_BACK_PIXEL | XCB_CW_EVENT_MASK, values);
    xcb_map_window(fixture->connection, fixture->parent);
    free(xcb_get_input_focus_reply(fixture->connection, xcb_get_input_focus(fixture->connection),
                                   NULL));
    fixture->paint = client_paint_new(fixture->display, fixture->parent);
    g_assert_nonnull(fixture->paint);
    for (i = 0; i < WIDTH * HEIGHT; i++) {
        fixture->pixels[i] = (uint32_t)i * 77u & 0xffffff;
    }
    fixture->image = (struct vdp_image){(const uint8_t *)fixture->pixels, WIDTH * 4, WIDTH, HEIGHT};
    return true;
}

static void
tear_down(struct fixture *fixture)
{
    client_paint_free(fixture->paint);
    xcb_disconnect(fixture->connection);
    kill(fixture->server, SIGKILL);
    waitpid(fixture->server, NULL, 0);
}

static uint32_t
screen_pixel(struct fixture *fixture, int x, int y)
{
    xcb_screen_t *screen = xcb_setup_roots_iterator(xcb_get_setup(fixture->connection)).data;
    xcb_get_image_reply_t *reply =
        xcb_get_image_reply(fixture->connection,
                            xcb_get_image(fixture->connection, XCB_IMAGE_FORMAT_Z_PIXMAP,
                                          screen->root, (int16_t)x, (int16_t)y, 1, 1, ~0u),
                            NULL);
    uint32_t pixel;

    g_assert_nonnull(reply);
    memcpy(&pixel, xcb_get_image_data(reply), 4);
    free(reply);
    return pixel & 0xffffff;
}

/* What another connection asked for is done when its turn comes. */
static void
wait_for_pixel(struct fixture *fixture, int x, int y, uint32_t wanted)
{
    gint64 until = g_get_monotonic_time() + WAIT_US;

    while (screen_pixel(fixture, x, y) != wanted && g_get_monotonic_time() < until) {
    }
    g_assert_cmphex(screen_pixel(fixture, x, y), ==, wanted);
}

static uint32_t
picture_pixel(const struct fixture *fixture, unsigned x, unsigned y)
{
    return fixture->pixels[y * WIDTH + x];
}

static void
test_a_picture_is_shown_where_it_is_placed(void)
{
    const struct client_paint_place hidden = {0};
    const struct client_paint_place whole = {.x = 20, .y = 30, .width = WIDTH, .height = HEIGHT};
    const struct client_paint_place part = {
        .x = 5, .y = 5, .width = 50, .height = 40, .view_x = 100, .view_y = 64};
    const uint32_t tile = 5;
    struct fixture fixture;

    if (!set_up(&fixture)) {
        return;
    }
    g_assert_false(client_paint_tiles(fixture.paint, &fixture.image, NULL, 0)); /* hidden */
    g_assert_cmphex(screen_pixel(&fixture, 100, 100), ==, BELOW);
    client_paint_place(fixture.paint, &whole);
    g_assert_true(client_paint_tiles(fixture.paint, &fixture.image, NULL, 0));
    g_assert_cmphex(screen_pixel(&fixture, 20, 30), ==, picture_pixel(&fixture, 0, 0));
    g_assert_cmphex(screen_pixel(&fixture, 219, 179), ==, picture_pixel(&fixture, 199, 149));
    g_assert_cmphex(screen_pixel(&fixture, 220, 179), ==, BELOW);
    memset(fixture.pixels, 0x44, sizeof(fixture.pixels)); /* a tile of it is painted */
    g_assert_true(client_paint_tiles(fixture.paint, &fixture.image, &tile, 1));
    g_assert_cmphex(screen_pixel(&fixture, 20 + 64, 30 + 64), ==, 0x444444);
    g_assert_cmphex(screen_pixel(&fixture, 20 + 63, 30 + 64), !=, 0x444444);
    client_paint_place(fixture.paint, &part);
    fixture.pixels[64 * WIDTH + 100] = 0xabcdef;
    g_assert_true(client_paint_tiles(fixture.paint, &fixture.image, NULL, 0));
    g_assert_cmphex(screen_pixel(&fixture, 5, 5), ==, 0xabcdef);
    g_assert_cmphex(screen_pixel(&fixture, 100, 100), ==, BELOW);
    client_paint_place(fixture.paint, &hidden);
    g_assert_false(client_paint_tiles(fixture.paint, &fixture.image, NULL, 0));
    wait_for_pixel(&fixture, 5, 5, BELOW);
    tear_down(&fixture);
}

static void
test_holes_show_what_is_below_and_closing_them_is_told(void)
{
    struct client_paint_place place = {.width = WIDTH, .height = HEIGHT, .holes = 1};
    struct fixture fixture;

    if (!set_up(&fixture)) {
        return;
    }
    place.hole[0].x = 50;
    place.hole[0].y = 60;
    place.hole[0].width = 30;
    place.hole[0].height = 20;
    client_paint_place(fixture.paint, &place);
    g_assert_true(client_paint_tiles(fixture.paint, &fixture.image, NULL, 0));
    (void)client_paint_exposed(fixture.paint);
    g_assert_cmphex(screen_pixel(&fixture, 60, 70), ==, BELOW);
    g_assert_cmphex(screen_pixel(&fixture, 49, 60), ==, picture_pixel(&fixture, 49, 60));
    place.holes = 0;
    client_paint_place(fixture.paint, &place);
    free(xcb_get_input_focus_reply(fixture.connection, xcb_get_input_focus(fixture.connection),
                                   NULL));
    while (!client_paint_exposed(fixture.paint)) {
        g_thread_yield();
    }
    g_assert_true(client_paint_tiles(fixture.paint, &fixture.image, NULL, 0));
    g_assert_cmphex(screen_pixel(&fixture, 60, 70), ==, picture_pixel(&fixture, 60, 70));
    tear_down(&fixture);
}

static void
test_a_server_that_goes_is_no_harm(void)
{
    const struct client_paint_place whole = {.width = WIDTH, .height = HEIGHT};
    struct fixture fixture;

    if (!set_up(&fixture)) {
        return;
    }
    client_paint_place(fixture.paint, &whole);
    kill(fixture.server, SIGKILL);
    waitpid(fixture.server, NULL, 0);
    g_assert_false(client_paint_tiles(fixture.paint, &fixture.image, NULL, 0));
    client_paint_place(fixture.paint, &whole);
    client_paint_free(fixture.paint);
    xcb_disconnect(fixture.connection);
    g_assert_null(client_paint_new(fixture.display, 1));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/paint/tiles-are-joined", test_tiles_are_joined);
    g_test_add_func("/paint/a-picture-is-shown-where-it-is-placed",
                    test_a_picture_is_shown_where_it_is_placed);
    g_test_add_func("/paint/holes-show-what-is-below-and-closing-them-is-told",
                    test_holes_show_what_is_below_and_closing_them_is_told);
    g_test_add_func("/paint/a-server-that-goes-is-no-harm", test_a_server_that_goes_is_no_harm);
    return g_test_run();
}
