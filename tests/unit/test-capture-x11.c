/* SPDX-License-Identifier: Apache-2.0 */
/* capture-x11 in front of a real Xvfb, with a second connection that draws and listens. */
#include "hostd/streamer/capture-x11.h"

#include <linux/input-event-codes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xcb/xcb.h>
#include <xcb/xfixes.h>

#include "tests/unit/streamer-fixture.h"
#include "tests/unit/xvfb.h"

#define WIDTH  320
#define HEIGHT 240

struct fixture {
    pid_t server;
    char display[XVFB_NAME];
    xcb_connection_t *connection; /* of the application */
    xcb_screen_t *screen;
    xcb_gcontext_t gc;
    struct capture *capture;
    struct streamer_picture picture;
    struct streamer_cursor cursor;
    uint32_t cursor_seen;
    bool lost;
    /* What is waited for. */
    unsigned x, y, colour, width, height;
    GString *events;
    const char *wanted;
};

static void
note_changed(void *user_data)
{
    (void)user_data;
}

static void
note_lost(const char *text, void *user_data)
{
    struct fixture *fixture = user_data;

    g_assert_cmpstr(text, ==, "the X server has gone");
    fixture->lost = true;
}

static const struct capture_events events = {.changed = note_changed, .lost = note_lost};

static bool
set_up(struct fixture *fixture, const char *screen)
{
    memset(fixture, 0, sizeof(*fixture));
    fixture->events = g_string_new("");
    fixture->server = xvfb_start(screen, fixture->display);
    if (fixture->server < 0) {
        g_string_free(fixture->events, TRUE);
        g_test_skip("there is no Xvfb");
        return false;
    }
    fixture->connection = xcb_connect(fixture->display, NULL);
    g_assert_cmpint(xcb_connection_has_error(fixture->connection), ==, 0);
    fixture->screen = xcb_setup_roots_iterator(xcb_get_setup(fixture->connection)).data;
    fixture->gc = xcb_generate_id(fixture->connection);
    xcb_create_gc(fixture->connection, fixture->gc, fixture->screen->root, 0, NULL);
    return true;
}

static void
set_up_capture(struct fixture *fixture)
{
    char *error = NULL;

    fixture->capture = capture_x11_new(fixture->display, &events, fixture, &error);
    g_assert_cmpstr(error, ==, NULL);
    g_assert_nonnull(fixture->capture);
    capture_pace(fixture->capture, true);
}

static void
tear_down(struct fixture *fixture)
{
    capture_free(fixture->capture);
    xcb_disconnect(fixture->connection);
    if (fixture->server > 0) {
        kill(fixture->server, SIGKILL);
        waitpid(fixture->server, NULL, 0);
    }
    streamer_picture_clear(&fixture->picture);
    streamer_cursor_clear(&fixture->cursor);
    g_string_free(fixture->events, TRUE);
}

static void
fill(struct fixture *fixture, uint32_t colour, int x, int y, int width, int height)
{
    xcb_rectangle_t rect = {(int16_t)x, (int16_t)y, (uint16_t)width, (uint16_t)height};
    uint32_t values[] = {colour, XCB_SUBWINDOW_MODE_INCLUDE_INFERIORS};

    xcb_change_gc(fixture->connection, fixture->gc, XCB_GC_FOREGROUND | XCB_GC_SUBWINDOW_MODE,
                  values);
    xcb_poly_fill_rectangle(fixture->connection, fixture->screen->root, fixture->gc, 1, &rect);
    xcb_flush(fixture->connection);
}

static uint32_t
colour_at(const struct streamer_picture *picture, unsigned x, unsigned y)
{
    uint32_t pixel;

    memcpy(&pixel, picture->pixels + ((size_t)y * picture->width + x) * 4, 4);
    return pixel & 0xffffffu;
}

/* The server's threads of events do not wake this loop, so it looks every few milliseconds. */
static gboolean
tick(gpointer data)
{
    (void)data;
    return G_SOURCE_CONTINUE;
}

static void
wait_for(bool (*done)(void *data), struct fixture *fixture)
{
    guint source = g_timeout_add(5, tick, NULL);

    fixture_wait(done, fixture);
    g_source_remove(source);
}

static bool
shows_colour(void *data)
{
    struct fixture *fixture = data;
    struct streamer_damage damage;
    int64_t since_us;

    return streamer_shadow_take(capture_shadow(fixture->capture), &fixture->picture, &damage,
                                &since_us) &&
           colour_at(&fixture->picture, fixture->x, fixture->y) == fixture->colour;
}

static void
wait_colour(struct fixture *fixture, unsigned x, unsigned y, uint32_t colour)
{
    fixture->x = x;
    fixture->y = y;
    fixture->colour = colour;
    wait_for(shows_colour, fixture);
}

/* Compares every pixel with what the server says that it shows. */
static void
assert_exact(struct fixture *fixture)
{
    xcb_get_image_reply_t *reply = xcb_get_image_reply(
        fixture->connection,
        xcb_get_image(fixture->connection, XCB_IMAGE_FORMAT_Z_PIXMAP, fixture->screen->root, 0, 0,
                      fixture->picture.width, fixture->picture.height, ~0u),
        NULL);
    const uint8_t *pixels;
    size_t count = (size_t)fixture->picture.width * fixture->picture.height;
    size_t i;

    g_assert_nonnull(reply);
    pixels = xcb_get_image_data(reply);
    g_assert_cmpuint((size_t)xcb_get_image_data_length(reply), ==, count * 4);
    for (i = 0; i < count; i++) {
        g_assert_cmpmem(pixels + i * 4, 3, fixture->picture.pixels + i * 4, 3);
    }
    free(reply);
}

static void
test_the_picture_is_the_servers(void)
{
    struct fixture fixture;
    unsigned i;

    if (!set_up(&fixture, "320x240x24")) {
        return;
    }
    fill(&fixture, 0x102030, 0, 0, WIDTH, HEIGHT);
    free(xcb_get_input_focus_reply(fixture.connection, xcb_get_input_focus(fixture.connection),
                                   NULL));
    set_up_capture(&fixture);
    wait_colour(&fixture, 0, 0, 0x102030);
    g_assert_cmpuint(fixture.picture.width, ==, WIDTH);
    g_assert_cmpuint(fixture.picture.height, ==, HEIGHT);
    /* Many small changes, overlapping and partly outside; the last one is where we look. */
    for (i = 0; i < 200; i++) {
        fill(&fixture, i * 0x010305, (int)(i * 37 % WIDTH) - 4, (int)(i * 53 % HEIGHT) - 4,
             1 + (int)i % 40, 1 + (int)i % 23);
    }
    fill(&fixture, 0xabcdef, WIDTH - 1, HEIGHT - 1, 1, 1);
    wait_colour(&fixture, WIDTH - 1, HEIGHT - 1, 0xabcdef);
    assert_exact(&fixture);
    tear_down(&fixture);
}

static void
test_damage_is_what_changed(void)
{
    struct fixture fixture;
    struct streamer_damage damage;
    int64_t since_us = 0;

    if (!set_up(&fixture, "320x240x24")) {
        return;
    }
    set_up_capture(&fixture);
    wait_colour(&fixture, 0, 0, 0);
    g_assert_cmpint(streamer_shadow_damaged_since(capture_shadow(fixture.capture)), ==, 0);
    fill(&fixture, 0xff8040, 32, 48, 10, 6);
    while (streamer_shadow_damaged_since(capture_shadow(fixture.capture)) == 0) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_true(streamer_shadow_take(capture_shadow(fixture.capture), &fixture.picture, &damage,
                                       &since_us));
    g_assert_cmpuint(damage.count, ==, 1);
    g_assert_cmpuint(damage.rects[0].x, ==, 32);
    g_assert_cmpuint(damage.rects[0].y, ==, 48);
    g_assert_cmpuint(damage.rects[0].width, ==, 10);
    g_assert_cmpuint(damage.rects[0].height, ==, 6);
    g_assert_cmpint(since_us, >, 0);
    tear_down(&fixture);
}

static void
test_nothing_is_read_while_nobody_looks(void)
{
    struct fixture fixture;

    if (!set_up(&fixture, "320x240x24")) {
        return;
    }
    set_up_capture(&fixture);
    wait_colour(&fixture, 0, 0, 0);
    capture_pace(fixture.capture, false);
    /* An order behind the pace is followed after it: its serial says that the thread has seen both.
     */
    capture_key(fixture.capture, 77, KEY_A, true);
    while (capture_input_serial(fixture.capture) != 77) {
        g_usleep(1000);
    }
    fill(&fixture, 0x00ff00, 0, 0, WIDTH, HEIGHT);
    capture_key(fixture.capture, 78, KEY_A, false);
    while (capture_input_serial(fixture.capture) != 78) {
        g_usleep(1000);
    }
    g_assert_cmpint(streamer_shadow_damaged_since(capture_shadow(fixture.capture)), ==, 0);
    capture_pace(fixture.capture, true);
    wait_colour(&fixture, 5, 5, 0x00ff00);
    tear_down(&fixture);
}

static bool
heard_enough(void *data)
{
    struct fixture *fixture = data;
    xcb_generic_event_t *event;

    while ((event = xcb_poll_for_event(fixture->connection)) != NULL) {
        const xcb_button_press_event_t *input = (const xcb_button_press_event_t *)event;
        static const char *const names[] = {[XCB_KEY_PRESS] = "key+",
                                            [XCB_KEY_RELEASE] = "key-",
                                            [XCB_BUTTON_PRESS] = "button+",
                                            [XCB_BUTTON_RELEASE] = "button-"};
        unsigned type = event->response_type & 0x7fu;

        if (type >= XCB_KEY_PRESS && type <= XCB_BUTTON_RELEASE) {
            g_string_append_printf(fixture->events, "%s%u@%d,%d ", names[type], input->detail,
                                   input->root_x, input->root_y);
        }
        free(event);
    }
    return strcmp(fixture->events->str, fixture->wanted) == 0;
}

static void
test_input_arrives_in_order(void)
{
    struct fixture fixture;
    xcb_window_t window;
    uint32_t values[] = {XCB_EVENT_MASK_KEY_PRESS | XCB_EVENT_MASK_KEY_RELEASE |
                         XCB_EVENT_MASK_BUTTON_PRESS | XCB_EVENT_MASK_BUTTON_RELEASE};

    if (!set_up(&fixture, "320x240x24")) {
        return;
    }
    window = xcb_generate_id(fixture.connection);
    xcb_create_window(fixture.connection, XCB_COPY_FROM_PARENT, window, fixture.screen->root, 0, 0,
                      WIDTH, HEIGHT, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT, XCB_COPY_FROM_PARENT,
                      XCB_CW_EVENT_MASK, values);
    xcb_map_window(fixture.connection, window);
    xcb_set_input_focus(fixture.connection, XCB_INPUT_FOCUS_POINTER_ROOT, window, XCB_CURRENT_TIME);
    free(xcb_get_input_focus_reply(fixture.connection, xcb_get_input_focus(fixture.connection),
                                   NULL));
    set_up_capture(&fixture);
    capture_pointer(fixture.capture, 1, 10, 20);
    capture_pointer(fixture.capture, 2, 100, 50);
    capture_button(fixture.capture, 3, 2, true);
    g_assert_true(capture_motion(fixture.capture, 3, 30, -40));
    g_assert_true(capture_motion(fixture.capture, 3, -10, 20));
    capture_button(fixture.capture, 3, 3, true);
    capture_button(fixture.capture, 3, 3, false);
    capture_pointer(fixture.capture, 4, 319, 239);
    capture_button(fixture.capture, 5, 2, false);
    capture_key(fixture.capture, 6, KEY_LEFTSHIFT, true);
    capture_key(fixture.capture, 7, KEY_Q, true);
    capture_wheel(fixture.capture, 8, 0, -120);
    capture_button(fixture.capture, 9, 5, true);
    capture_release_all(fixture.capture);
    fixture.wanted = "button+2@100,50 button+3@120,30 button-3@120,30 button-2@319,239 "
                     "key+50@319,239 key+24@319,239 "
                     "button+4@319,239 button-4@319,239 button+9@319,239 key-24@319,239 "
                     "key-50@319,239 button-9@319,239 ";
    wait_for(heard_enough, &fixture);
    g_assert_cmpuint(capture_input_serial(fixture.capture), ==, 9);
    tear_down(&fixture);
}

static bool
has_cursor(void *data)
{
    struct fixture *fixture = data;
    struct streamer_cursor cursor;

    if (streamer_shadow_take_cursor(capture_shadow(fixture->capture), &fixture->cursor_seen,
                                    &cursor)) {
        streamer_cursor_clear(&fixture->cursor);
        fixture->cursor = cursor;
    }
    return fixture->cursor.rgba != NULL && fixture->cursor.width == fixture->width &&
           fixture->cursor.height == fixture->height;
}

static void
test_cursor_shapes_come(void)
{
    struct fixture fixture;
    static const uint8_t bits[8] = {0x01, 0x02, 0, 0, 0, 0, 0, 0x80};
    static const uint8_t mask[8] = {0x03, 0x03, 0, 0, 0, 0, 0, 0x80};
    xcb_pixmap_t shape, outline;
    xcb_cursor_t cursor;

    if (!set_up(&fixture, "320x240x24")) {
        return;
    }
    set_up_capture(&fixture);
    shape = xcb_generate_id(fixture.connection);
    outline = xcb_generate_id(fixture.connection);
    cursor = xcb_generate_id(fixture.connection);
    xcb_create_pixmap(fixture.connection, 1, shape, fixture.screen->root, 8, 8);
    xcb_create_pixmap(fixture.connection, 1, outline, fixture.screen->root, 8, 8);
    {
        xcb_gcontext_t gc = xcb_generate_id(fixture.connection);
        uint8_t rows[2][32] = {{0}};
        unsigned i;

        for (i = 0; i < 8; i++) { /* scan lines are padded to 32 bits */
            rows[0][i * 4] = bits[i];
            rows[1][i * 4] = mask[i];
        }
        xcb_create_gc(fixture.connection, gc, shape, 0, NULL);
        xcb_put_image(fixture.connection, XCB_IMAGE_FORMAT_Z_PIXMAP, shape, gc, 8, 8, 0, 0, 0, 1,
                      sizeof(rows[0]), rows[0]);
        xcb_put_image(fixture.connection, XCB_IMAGE_FORMAT_Z_PIXMAP, outline, gc, 8, 8, 0, 0, 0, 1,
                      sizeof(rows[1]), rows[1]);
    }
    xcb_create_cursor(fixture.connection, cursor, shape, outline, 0xffff, 0x8080, 0, 0, 0, 0xffff,
                      7, 3);
    xcb_change_window_attributes(fixture.connection, fixture.screen->root, XCB_CW_CURSOR, &cursor);
    xcb_flush(fixture.connection);
    fixture.width = 8;
    fixture.height = 8;
    wait_for(has_cursor, &fixture);
    g_assert_cmpuint(fixture.cursor.hot_x, ==, 7);
    g_assert_cmpuint(fixture.cursor.hot_y, ==, 3);
    g_assert_cmpmem(fixture.cursor.rgba, 12, "\xff\x80\x00\xff\x00\x00\xff\xff\x00\x00\x00\x00",
                    12);
    g_assert_cmpmem(fixture.cursor.rgba + 63 * 4, 4, "\xff\x80\x00\xff", 4);
    tear_down(&fixture);
}

static bool
has_size(void *data)
{
    struct fixture *fixture = data;
    struct streamer_damage damage;
    int64_t since_us;

    return streamer_shadow_take(capture_shadow(fixture->capture), &fixture->picture, &damage,
                                &since_us) &&
           fixture->picture.width == fixture->width && fixture->picture.height == fixture->height;
}

static void
test_a_size_is_taken_over(void)
{
    struct fixture fixture;

    if (!set_up(&fixture, "640x480x24")) {
        return;
    }
    set_up_capture(&fixture);
    fixture.width = 500;
    fixture.height = 300;
    capture_set_size(fixture.capture, 500, 300);
    wait_for(has_size, &fixture);
    fill(&fixture, 0x445566, 400, 200, 100, 100);
    wait_colour(&fixture, 499, 299, 0x445566);
    assert_exact(&fixture);
    /* Larger than the server can: it becomes as large as it can. */
    fixture.width = 640;
    fixture.height = 480;
    capture_set_size(fixture.capture, 4000, 3000);
    wait_for(has_size, &fixture);
    fill(&fixture, 0x778899, 630, 470, 10, 10);
    wait_colour(&fixture, 639, 479, 0x778899);
    assert_exact(&fixture);
    tear_down(&fixture);
}

static void
test_other_depths_and_no_server_are_refused(void)
{
    struct fixture fixture;
    char *error = NULL;

    g_assert_null(capture_x11_new(":64999", &events, NULL, &error));
    g_assert_cmpstr(error, ==, "X display :64999: nobody answers there, or we may not see it");
    g_clear_pointer(&error, g_free);
    if (!set_up(&fixture, "320x240x16")) {
        return;
    }
    g_assert_null(capture_x11_new(fixture.display, &events, NULL, &error));
    g_assert_nonnull(strstr(error, "start the X server with depth 24"));
    g_free(error);
    tear_down(&fixture);
}

static bool
is_lost(void *data)
{
    return ((struct fixture *)data)->lost;
}

static void
test_a_server_that_dies_is_told_once(void)
{
    struct fixture fixture;

    if (!set_up(&fixture, "320x240x24")) {
        return;
    }
    set_up_capture(&fixture);
    kill(fixture.server, SIGKILL);
    waitpid(fixture.server, NULL, 0);
    fixture.server = 0;
    wait_for(is_lost, &fixture);
    capture_key(fixture.capture, 1, KEY_A, true); /* goes nowhere, harms nobody */
    tear_down(&fixture);
}

static void
test_a_server_that_hangs_does_not_hold_us(void)
{
    struct fixture fixture;
    unsigned i;

    if (!set_up(&fixture, "320x240x24")) {
        return;
    }
    set_up_capture(&fixture);
    kill(fixture.server, SIGSTOP);
    for (i = 0; i < 5000; i++) {
        capture_key(fixture.capture, i, KEY_A, i % 2 == 0);
    }
    capture_set_size(fixture.capture, 200, 200); /* waits for answers that do not come */
    capture_free(fixture.capture);
    fixture.capture = NULL;
    tear_down(&fixture);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/capture-x11/the-picture-is-the-servers", test_the_picture_is_the_servers);
    g_test_add_func("/capture-x11/damage-is-what-changed", test_damage_is_what_changed);
    g_test_add_func("/capture-x11/nothing-is-read-while-nobody-looks",
                    test_nothing_is_read_while_nobody_looks);
    g_test_add_func("/capture-x11/input-arrives-in-order", test_input_arrives_in_order);
    g_test_add_func("/capture-x11/cursor-shapes-come", test_cursor_shapes_come);
    g_test_add_func("/capture-x11/a-size-is-taken-over", test_a_size_is_taken_over);
    g_test_add_func("/capture-x11/other-depths-and-no-server-are-refused",
                    test_other_depths_and_no_server_are_refused);
    g_test_add_func("/capture-x11/a-server-that-dies-is-told-once",
                    test_a_server_that_dies_is_told_once);
    g_test_add_func("/capture-x11/a-server-that-hangs-does-not-hold-us",
                    test_a_server_that_hangs_does_not_hold_us);
    return g_test_run();
}
