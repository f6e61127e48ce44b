/* SPDX-License-Identifier: Apache-2.0 */
/* scene: plays one scene of scenes.c on $DISPLAY. "ready ..." on standard output when the first
 * picture is there; "warm" on standard input shows what the scene comes back to and is answered,
 * any other line starts it; "done" when the last frame was drawn; the end of standard input ends
 * it. --render only writes the last picture. */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <glib.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <X11/Xutil.h>

#include "tests/bench/peers/player.h"
#include "tests/bench/peers/screen.h"

struct scene {
    struct player player; /* the first: an output is given this */
    struct screen *screen;
    Window window;
    GC gc;
    bool render;
};

static struct scene *
scene_of(struct player *player)
{
    return (struct scene *)(void *)player;
}

/* One rectangle of the sheet to the window, through the shared memory. */
static void
scene_put(struct player *player, const struct area *area)
{
    struct scene *scene = scene_of(player);

    for (int row = area->y; row < area->y + area->height; row++)
        memcpy(scene->screen->pixels + (size_t)row * SCENE_WIDTH + area->x,
               player->state.screen->pixels + (size_t)row * SCENE_WIDTH + area->x,
               (size_t)area->width * 4);
    XShmPutImage(scene->screen->display, scene->window, scene->gc, scene->screen->image, area->x,
                 area->y, area->x, area->y, (unsigned int)area->width, (unsigned int)area->height,
                 False);
}

static void
scene_move_up(struct player *player, const struct area *area, int lines)
{
    struct scene *scene = scene_of(player);

    XCopyArea(scene->screen->display, scene->window, scene->window, scene->gc, area->x,
              area->y + lines, (unsigned int)area->width, (unsigned int)(area->height - lines),
              area->x, area->y);
}

static void
scene_sync(struct player *player)
{
    XSync(scene_of(player)->screen->display, False);
}

static bool
scene_take_events(struct scene *scene)
{
    bool pressed = false;

    while (!pressed && XPending(scene->screen->display)) {
        XEvent event;

        XNextEvent(scene->screen->display, &event);
        if (event.type == Expose)
            player_put_all(&scene->player);
        pressed = event.type == KeyPress;
    }
    return pressed;
}

/* Milliseconds until when, never rounded up to more than is left. */
static int
left_ms(int64_t when)
{
    int64_t left = when == INT64_MAX ? -1 : (when - player_now_ns()) / 1000000;

    return when == INT64_MAX ? -1 : left < 0 ? 0 : (int)left;
}

static void
sleep_until(int64_t when)
{
    struct timespec at = {.tv_sec = when / 1000000000, .tv_nsec = when % 1000000000};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static int
scene_wait(struct player *player, int64_t when)
{
    struct scene *scene = scene_of(player);
    struct pollfd ends[2] = {{.fd = ConnectionNumber(scene->screen->display), .events = POLLIN},
                             {.fd = STDIN_FILENO, .events = POLLIN}};

    if (!player->keys) {
        sleep_until(when);
        return 0;
    }
    while (!scene_take_events(scene)) {
        int ms = left_ms(when);

        if (ms == 0) {
            if (player_now_ns() < when)
                sleep_until(when);
            return 0;
        }
        if (poll(ends, 2, ms) < 0 && errno != EINTR)
            err(1, "poll");
        if (ends[1].revents)
            return -1;
    }
    return 1;
}

static const struct player_output scene_output = {scene_put, scene_move_up, scene_sync, scene_wait};

static int
ignore_error(Display *display, XErrorEvent *event)
{
    (void)display;
    (void)event;
    return 0;
}

static void
scene_open_window(struct scene *scene)
{
    Display *display = scene->screen->display;
    XGCValues values = {.graphics_exposures = False};
    XSizeHints hints = {.flags = PPosition | PSize | PMinSize | PMaxSize,
                        .min_width = SCENE_WIDTH,
                        .max_width = SCENE_WIDTH,
                        .min_height = SCENE_HEIGHT,
                        .max_height = SCENE_HEIGHT};
    XEvent event;

    scene->window = XCreateSimpleWindow(display, DefaultRootWindow(display), 0, 0, SCENE_WIDTH,
                                        SCENE_HEIGHT, 0, 0, 0);
    XStoreName(display, scene->window, "scene");
    XSetWMNormalHints(display, scene->window, &hints);
    XSelectInput(display, scene->window, StructureNotifyMask | ExposureMask | KeyPressMask);
    scene->gc = XCreateGC(display, scene->window, GCGraphicsExposures, &values);
    XMapRaised(display, scene->window);
    do {
        XNextEvent(display, &event);
    } while (event.type != MapNotify);
    /* Where no window manager gives the focus, the keys shall come here all the same. */
    XSetErrorHandler(ignore_error);
    XSetInputFocus(display, scene->window, RevertToParent, CurrentTime);
    XSync(display, False);
}

/* Shows frame 0 until the line that starts the scene is there. */
static bool
scene_wait_for_go(struct scene *scene)
{
    struct pollfd ends[2] = {{.fd = ConnectionNumber(scene->screen->display), .events = POLLIN},
                             {.fd = STDIN_FILENO, .events = POLLIN}};
    char line[16] = "";
    bool there = true;

    player_put_all(&scene->player);
    player_describe(&scene->player, stdout);
    do {
        ends[1].revents = 0;
        while (!(ends[1].revents & (POLLIN | POLLHUP))) {
            scene_take_events(scene);
            if (poll(ends, 2, -1) < 0 && errno != EINTR)
                err(1, "poll");
        }
        there = read(STDIN_FILENO, line, sizeof line) > 0;
        if (there && line[0] == 'w') {
            player_warm(&scene->player);
            printf("warmed\n");
            fflush(stdout);
        }
    } while (there && line[0] == 'w');
    return there;
}

static void
usage(void)
{
    fprintf(stderr, "usage: scene --scene NAME [--frames N] [--base N] [--slower PERCENT] [--log "
                    "FILE] [--expected FILE] [--keys] [--render]\n"
                    "scenes:");
    for (size_t i = 0; scene_kind_name(i); i++)
        fprintf(stderr, " %s", scene_kind_name(i));
    fprintf(stderr, "\n");
    exit(2);
}

static void
scene_options(struct scene *scene, int argc, char **argv)
{
    static const struct option options[] = {{"scene", required_argument, NULL, 's'},
                                            {"frames", required_argument, NULL, 'n'},
                                            {"base", required_argument, NULL, 'b'},
                                            {"log", required_argument, NULL, 'l'},
                                            {"expected", required_argument, NULL, 'e'},
                                            {"slower", required_argument, NULL, 'p'},
                                            {"keys", no_argument, NULL, 'k'},
                                            {"render", no_argument, NULL, 'r'},
                                            {NULL, 0, NULL, 0}};
    struct player *player = &scene->player;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 's')
            player->kind = scene_kind_find(optarg);
        else if (option == 'n')
            player->frames = (int)strtol(optarg, NULL, 10);
        else if (option == 'b')
            player->base = (uint16_t)strtoul(optarg, NULL, 10);
        else if (option == 'l')
            player->log = fopen(optarg, "we");
        else if (option == 'e')
            player->expected = optarg;
        else if (option == 'p')
            player->slower = (int)strtol(optarg, NULL, 10);
        else if (option == 'k')
            player->keys = true;
        else if (option == 'r')
            scene->render = true;
        else
            usage();
    }
    if (!player->kind || !player->log || player->frames < 0 || player->frames > 4000 ||
        player->slower < 0)
        usage();
}

int
main(int argc, char **argv)
{
    struct scene scene = {.player = {.log = stderr, .output = &scene_output}};
    char rest;

    scene_options(&scene, argc, argv);
    player_begin(&scene.player);
    if (scene.render) {
        player_render(&scene.player);
        player_end(&scene.player);
        return 0;
    }
    scene.screen = screen_new(screen_display_open(), SCENE_WIDTH, SCENE_HEIGHT);
    scene_open_window(&scene);
    if (scene_wait_for_go(&scene)) {
        player_run(&scene.player);
        printf("done\n");
        fflush(stdout);
        while (read(STDIN_FILENO, &rest, 1) > 0)
            ;
    }
    player_end(&scene.player);
    screen_free(scene.screen);
    return 0;
}
