/* SPDX-License-Identifier: Apache-2.0 */
/* scene: plays one scene of scenes.c on $DISPLAY. "ready ..." on standard output when the first
 * picture is there; a line on standard input starts it; "done" when the last frame was drawn; the
 * end of standard input ends it. */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <glib.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <X11/Xutil.h>

#include "tests/bench/peers/mark.h"
#include "tests/bench/peers/scenes.h"
#include "tests/bench/peers/screen.h"

struct play {
    const struct scene_kind *kind;
    struct scene_state state;
    struct screen *screen;
    Window window;
    GC gc;
    FILE *log;
    const char *expected;
    uint16_t base; /* the number of frame 0 */
    int frames;
    bool keys;
};

static bool
area_equal(const struct area *a, const struct area *b)
{
    return a->x == b->x && a->y == b->y;
}

static void
play_mark(struct play *play, const struct area *area, int n)
{
    mark_draw(play->state.screen->pixels + (size_t)area->y * SCENE_WIDTH + area->x, SCENE_WIDTH,
              (uint16_t)(play->base + n));
}

/* One rectangle of the sheet to the window, through the shared memory. */
static void
play_put(struct play *play, const struct area *area)
{
    for (int row = area->y; row < area->y + area->height; row++)
        memcpy(play->screen->pixels + (size_t)row * SCENE_WIDTH + area->x,
               play->state.screen->pixels + (size_t)row * SCENE_WIDTH + area->x,
               (size_t)area->width * 4);
    XShmPutImage(play->screen->display, play->window, play->gc, play->screen->image, area->x,
                 area->y, area->x, area->y, (unsigned int)area->width, (unsigned int)area->height,
                 False);
}

static void
play_save(struct play *play)
{
    GError *error = NULL;

    if (play->expected &&
        !g_file_set_contents(play->expected, (const char *)play->state.screen->pixels,
                             SCENE_WIDTH * SCENE_HEIGHT * 4, &error))
        errx(1, "%s", error->message);
}

static bool
area_holds(const struct area *outer, const struct area *inner)
{
    return inner->x >= outer->x && inner->y >= outer->y &&
           inner->x + inner->width <= outer->x + outer->width &&
           inner->y + inner->height <= outer->y + outer->height;
}

/* Draws frame n. The time is taken when the program has its picture and before the X server hears
 * of it. */
static void
play_frame(struct play *play, int n)
{
    const struct scene_kind *kind = play->kind;
    struct change change = {0};
    bool first_inside = false, last_inside = false;
    int64_t now;

    kind->step(&play->state, n, &change);
    cairo_surface_flush(play->state.screen->surface);
    play_mark(play, &kind->first, n);
    play_mark(play, &kind->last, n);
    if (n == play->frames)
        play_save(play);
    for (size_t i = 0; i < change.count; i++) {
        first_inside |= area_holds(&change.areas[i], &kind->first);
        last_inside |= area_holds(&change.areas[i], &kind->last);
    }
    now = screen_now_ns();
    if (!first_inside)
        play_put(play, &kind->first);
    for (size_t i = 0; i < change.count; i++)
        play_put(play, &change.areas[i]);
    if (!last_inside && !area_equal(&kind->first, &kind->last))
        play_put(play, &kind->last);
    XSync(play->screen->display, False);
    fprintf(play->log, "frame %d %lld\n", play->base + n, (long long)now);
}

static void
wait_until(int64_t when)
{
    struct timespec at = {.tv_sec = when / 1000000000, .tv_nsec = when % 1000000000};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

static void
play_all(struct play *play)
{
    int64_t start = screen_now_ns(), period = 1000000000000 / play->kind->rate_mhz;

    for (int n = 1; n <= play->frames; n++) {
        wait_until(start + (n - 1) * period);
        play_frame(play, n);
    }
}

/* A frame for each key that goes down. */
static void
play_keys(struct play *play)
{
    struct pollfd ends[2] = {{.fd = ConnectionNumber(play->screen->display), .events = POLLIN},
                             {.fd = STDIN_FILENO, .events = POLLIN}};
    int n = 0;

    while (n < play->frames) {
        XEvent event;

        if (!XPending(play->screen->display)) {
            if (poll(ends, 2, -1) < 0 && errno != EINTR)
                err(1, "poll");
            if (ends[1].revents)
                return;
            continue;
        }
        XNextEvent(play->screen->display, &event);
        if (event.type == KeyPress) {
            fprintf(play->log, "pressed %d %lld\n", play->base + n + 1, (long long)screen_now_ns());
            play_frame(play, ++n);
        }
    }
}

static int
ignore_error(Display *display, XErrorEvent *event)
{
    (void)display;
    (void)event;
    return 0;
}

static void
play_open_window(struct play *play)
{
    Display *display = play->screen->display;
    XSizeHints hints = {.flags = PPosition | PSize | PMinSize | PMaxSize,
                        .min_width = SCENE_WIDTH,
                        .max_width = SCENE_WIDTH,
                        .min_height = SCENE_HEIGHT,
                        .max_height = SCENE_HEIGHT};
    XEvent event;

    play->window = XCreateSimpleWindow(display, DefaultRootWindow(display), 0, 0, SCENE_WIDTH,
                                       SCENE_HEIGHT, 0, 0, 0);
    XStoreName(display, play->window, "scene");
    XSetWMNormalHints(display, play->window, &hints);
    XSelectInput(display, play->window, StructureNotifyMask | ExposureMask | KeyPressMask);
    play->gc = XCreateGC(display, play->window, 0, NULL);
    XMapRaised(display, play->window);
    do {
        XNextEvent(display, &event);
    } while (event.type != MapNotify);
    /* Where no window manager gives the focus, the keys shall come here all the same. */
    XSetErrorHandler(ignore_error);
    XSetInputFocus(display, play->window, RevertToParent, CurrentTime);
    XSync(display, False);
}

/* Shows frame 0 until the line that starts the scene is there. */
static bool
play_wait_for_go(struct play *play)
{
    struct area all = {0, 0, SCENE_WIDTH, SCENE_HEIGHT};
    struct pollfd ends[2] = {{.fd = ConnectionNumber(play->screen->display), .events = POLLIN},
                             {.fd = STDIN_FILENO, .events = POLLIN}};
    char line[16];

    play_put(play, &all);
    XSync(play->screen->display, False);
    printf("ready %d %d %d %d %d %d\n", play->base, play->kind->first.x, play->kind->first.y,
           play->kind->last.x, play->kind->last.y, play->frames);
    fflush(stdout);
    while (!(ends[1].revents & (POLLIN | POLLHUP))) {
        bool exposed = false;

        while (XPending(play->screen->display)) {
            XEvent event;

            XNextEvent(play->screen->display, &event);
            exposed |= event.type == Expose;
        }
        if (exposed) {
            play_put(play, &all);
            XSync(play->screen->display, False);
        }
        if (poll(ends, 2, -1) < 0 && errno != EINTR)
            err(1, "poll");
    }
    return read(STDIN_FILENO, line, sizeof line) > 0;
}

static void
usage(void)
{
    fprintf(stderr, "usage: scene --scene NAME [--frames N] [--base N] [--log FILE] [--expected "
                    "FILE] [--keys]\n"
                    "scenes:");
    for (size_t i = 0; scene_kind_name(i); i++)
        fprintf(stderr, " %s", scene_kind_name(i));
    fprintf(stderr, "\n");
    exit(2);
}

static void
play_options(struct play *play, int argc, char **argv)
{
    static const struct option options[] = {{"scene", required_argument, NULL, 's'},
                                            {"frames", required_argument, NULL, 'n'},
                                            {"base", required_argument, NULL, 'b'},
                                            {"log", required_argument, NULL, 'l'},
                                            {"expected", required_argument, NULL, 'e'},
                                            {"keys", no_argument, NULL, 'k'},
                                            {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 's')
            play->kind = scene_kind_find(optarg);
        else if (option == 'n')
            play->frames = (int)strtol(optarg, NULL, 10);
        else if (option == 'b')
            play->base = (uint16_t)strtoul(optarg, NULL, 10);
        else if (option == 'l')
            play->log = fopen(optarg, "we");
        else if (option == 'e')
            play->expected = optarg;
        else if (option == 'k')
            play->keys = true;
        else
            usage();
    }
    if (!play->kind || !play->log || play->frames < 0 || play->frames > 4000)
        usage();
    if (play->frames == 0)
        play->frames = play->kind->frames;
}

int
main(int argc, char **argv)
{
    struct play play = {.log = stderr};
    char rest;

    play_options(&play, argc, argv);
    play.screen = screen_new(screen_display_open(), SCENE_WIDTH, SCENE_HEIGHT);
    play.state.screen = sheet_new(SCENE_WIDTH, SCENE_HEIGHT, 0);
    play.kind->begin(&play.state, play.frames);
    cairo_surface_flush(play.state.screen->surface);
    play_mark(&play, &play.kind->first, 0);
    play_mark(&play, &play.kind->last, 0);
    play_open_window(&play);
    if (play_wait_for_go(&play)) {
        if (play.keys)
            play_keys(&play);
        else
            play_all(&play);
        fflush(play.log);
        printf("done\n");
        fflush(stdout);
        while (read(STDIN_FILENO, &rest, 1) > 0)
            ;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(play.state.stock); i++)
        sheet_free(play.state.stock[i]);
    sheet_free(play.state.screen);
    screen_free(play.screen);
    return 0;
}
