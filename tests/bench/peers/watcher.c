/* SPDX-License-Identifier: Apache-2.0 */
/* watcher: looks at a viewer's X display ($DISPLAY) and logs when each frame's markers are there.
 * Two uses: --find NUMBER says where a scene's picture lies; --last NUMBER watches until that frame
 * was seen and the picture stays as it is. */
#include <err.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <X11/extensions/XTest.h>
#include <X11/keysym.h>

#include "tests/bench/peers/look.h"
#include "tests/bench/peers/mark.h"
#include "tests/bench/peers/screen.h"

#define PERIOD_NS  2000000  /* between two looks at the markers */
#define COMPARE_NS 40000000 /* between two looks at the whole picture */
#define GRAB_NS    15000000 /* between two pictures that are kept */
#define GRABS_MAX  160
#define LINGER_NS  300000000 /* after the picture has become exact */
#define GOOD_SSIM  0.98

/* A picture that differs from the one before it, to be looked at when nobody is in a hurry. */
struct grab {
    uint32_t *pixels;
    int64_t when;
};

struct watch {
    Display *display;
    struct grab grabs[GRABS_MAX];
    int grab_count;
    bool keep; /* grabs are wanted */
    int64_t next_grab;
    struct screen *mark;
    struct screen *picture;
    FILE *log;
    const char *expected_path;
    uint32_t *expected;
    int first[2], last[2]; /* the markers' places on this display */
    int origin[2];
    int width, height;
    uint16_t newest[2];
    uint16_t base, end;
    bool one;
    int keys, gap_ms, pressed;
    int64_t next_key, next_compare, exact_at, all_seen;
};

static void
watch_mark(struct watch *watch, size_t which)
{
    const int *at = which == 0 ? watch->first : watch->last;
    uint16_t number;

    if (!XShmGetImage(watch->display, DefaultRootWindow(watch->display), watch->mark->image, at[0],
                      at[1], AllPlanes))
        return;
    if (!mark_read(watch->mark->pixels, MARK_WIDTH, &number) || number <= watch->newest[which] ||
        number > watch->end)
        return;
    watch->newest[which] = number;
    fprintf(watch->log, "%s %d %lld\n", which == 0 ? "first" : "last", number,
            (long long)screen_now_ns());
}

static uint32_t *
read_expected(const char *path, size_t pixels)
{
    FILE *file = fopen(path, "re");
    uint32_t *picture = calloc(pixels, 4);

    if (file && picture && fread(picture, 4, pixels, file) == pixels) {
        fclose(file);
        return picture;
    }
    if (file)
        fclose(file);
    free(picture);
    return NULL;
}

static void
watch_grab(struct watch *watch)
{
    XShmGetImage(watch->display, DefaultRootWindow(watch->display), watch->picture->image,
                 watch->origin[0], watch->origin[1], AllPlanes);
}

/* Keeps what the viewer shows now if it is new. */
static void
watch_keep(struct watch *watch, int64_t now)
{
    size_t pixels = (size_t)watch->width * (size_t)watch->height;
    struct grab *grab = &watch->grabs[watch->grab_count];

    if (!watch->keep || now < watch->next_grab || watch->grab_count == GRABS_MAX)
        return;
    watch->next_grab = now + GRAB_NS;
    watch_grab(watch);
    if (watch->grab_count > 0 && look_equal(watch->picture->pixels, grab[-1].pixels, pixels))
        return;
    grab->when = screen_now_ns();
    grab->pixels = malloc(pixels * 4);
    if (!grab->pixels)
        err(1, NULL);
    memcpy(grab->pixels, watch->picture->pixels, pixels * 4);
    watch->grab_count++;
}

/* The first of the kept pictures that is good enough to look at. */
static void
watch_find_good(struct watch *watch)
{
    bool found = false;

    for (int i = 0; i < watch->grab_count; i++) {
        struct grab *grab = &watch->grabs[i];

        if (!found && watch->expected &&
            look_ssim(grab->pixels, watch->expected, watch->width, watch->height) >= GOOD_SSIM) {
            fprintf(watch->log, "good 0 %lld\n", (long long)grab->when);
            found = true;
        }
        free(grab->pixels);
    }
}

/* After the last frame was seen: has the whole picture become the drawn one? */
static void
watch_compare(struct watch *watch, int64_t now)
{
    size_t pixels = (size_t)watch->width * (size_t)watch->height;

    if (!watch->expected && watch->expected_path)
        watch->expected = read_expected(watch->expected_path, pixels);
    if (!watch->expected)
        return;
    watch->next_compare = now + COMPARE_NS;
    watch_grab(watch);
    if (!look_equal(watch->picture->pixels, watch->expected, pixels))
        return;
    watch->exact_at = screen_now_ns();
    fprintf(watch->log, "exact 0 %lld\n", (long long)watch->exact_at);
}

static void
watch_press(struct watch *watch, int64_t now)
{
    KeyCode code = XKeysymToKeycode(watch->display, (KeySym)(XK_a + watch->pressed % 5));

    if (watch->pressed >= watch->keys || now < watch->next_key)
        return;
    /* Apart from one another by more than the last one takes, and never in step with anything. */
    watch->next_key = now + (int64_t)(watch->gap_ms + watch->pressed * 37 % 50) * 1000000;
    watch->pressed++;
    fprintf(watch->log, "key %d %lld\n", watch->base + watch->pressed, (long long)screen_now_ns());
    XTestFakeKeyEvent(watch->display, code, True, CurrentTime);
    XTestFakeKeyEvent(watch->display, code, False, CurrentTime);
    XFlush(watch->display);
}

static void
pause_until(int64_t when)
{
    struct timespec at = {.tv_sec = when / 1000000000, .tv_nsec = when % 1000000000};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* Until the last frame was seen and the picture has been exact, or settle_ms have passed, or
 * timeout_ms in all. */
static void
watch_run(struct watch *watch, int timeout_ms, int settle_ms)
{
    int64_t start = screen_now_ns(), now = start;

    while (now < start + (int64_t)timeout_ms * 1000000) {
        watch_press(watch, now);
        watch_mark(watch, 0);
        if (!watch->one)
            watch_mark(watch, 1);
        now = screen_now_ns();
        watch_keep(watch, now);
        if (!watch->all_seen && watch->newest[0] == watch->end &&
            (watch->one || watch->newest[1] == watch->end))
            watch->all_seen = now;
        if (watch->all_seen && !watch->exact_at && now >= watch->next_compare)
            watch_compare(watch, now);
        if (watch->all_seen && now > watch->all_seen + (int64_t)settle_ms * 1000000)
            return;
        if (watch->exact_at && now > watch->exact_at + LINGER_NS)
            return;
        pause_until(now + PERIOD_NS);
        now = screen_now_ns();
    }
}

static void
watch_report(struct watch *watch, const char *shot)
{
    size_t pixels = (size_t)watch->width * (size_t)watch->height;

    if (!watch->expected && watch->expected_path)
        watch->expected = read_expected(watch->expected_path, pixels);
    watch_grab(watch);
    if (watch->expected)
        fprintf(watch->log, "quality %d psnr %.2f ssim %.5f\n",
                look_equal(watch->picture->pixels, watch->expected, pixels),
                look_psnr(watch->picture->pixels, watch->expected, pixels),
                look_ssim(watch->picture->pixels, watch->expected, watch->width, watch->height));
    watch_find_good(watch);
    if (shot)
        look_save(shot, watch->picture->pixels, watch->width, watch->height);
}

/* The marker reads at most one pixel beside its place: the best of those is the place. */
static void
find_exactly(const struct screen *all, int width, int height, int *x, int *y)
{
    long best = LONG_MIN;
    int from_x = *x, from_y = *y;

    for (int ty = from_y; ty <= from_y + 2 && ty + MARK_HEIGHT <= height; ty++)
        for (int tx = from_x - 2 < 0 ? 0 : from_x - 2; tx <= from_x + 2 && tx + MARK_WIDTH <= width;
             tx++) {
            long edges = look_edges(all->pixels, width, tx, ty);

            if (edges <= best)
                continue;
            best = edges;
            *x = tx;
            *y = ty;
        }
}

static bool
find_once(const struct screen *all, int width, int height, uint16_t wanted)
{
    for (int y = 0; y + MARK_HEIGHT <= height; y++)
        for (int x = 0; x + MARK_WIDTH <= width; x++) {
            uint16_t number;

            if (!mark_read(all->pixels + (size_t)y * (size_t)width + x, (size_t)width, &number) ||
                number != wanted)
                continue;
            find_exactly(all, width, height, &x, &y);
            printf("%d %d\n", x, y);
            return true;
        }
    return false;
}

/* Looks for the marker number anywhere on the display and prints its place. */
static int
watch_find(struct watch *watch, uint16_t wanted, int timeout_ms)
{
    int width = DisplayWidth(watch->display, DefaultScreen(watch->display));
    int height = DisplayHeight(watch->display, DefaultScreen(watch->display));
    struct screen *all = screen_new(watch->display, width, height);
    int64_t start = screen_now_ns();
    bool found = false;

    while (!found && screen_now_ns() < start + (int64_t)timeout_ms * 1000000) {
        XShmGetImage(watch->display, DefaultRootWindow(watch->display), all->image, 0, 0,
                     AllPlanes);
        found = find_once(all, width, height, wanted);
        if (!found)
            pause_until(screen_now_ns() + 50000000);
    }
    screen_free(all);
    return found ? 0 : 1;
}

/* A click, so that the keys go to the window that shows the picture. */
static void
watch_focus(struct watch *watch)
{
    XTestFakeMotionEvent(watch->display, -1, watch->origin[0] + watch->width / 2,
                         watch->origin[1] + watch->height - 60, CurrentTime);
    XTestFakeButtonEvent(watch->display, 1, True, CurrentTime);
    XTestFakeButtonEvent(watch->display, 1, False, CurrentTime);
    XSync(watch->display, False);
}

static void
read_numbers(const char *text, int *numbers, size_t count)
{
    char *rest = NULL;

    for (size_t i = 0; i < count; i++, text = rest + 1) {
        numbers[i] = (int)strtol(text, &rest, 10);
        if (rest == text || (i + 1 < count && *rest != ','))
            errx(2, "numbers are missing in an option");
    }
}

struct options {
    int find, timeout_ms, settle_ms, marks[4], size[2];
    const char *shot;
};

static void
read_options(struct watch *watch, struct options *options, int argc, char **argv)
{
    static const struct option names[] = {{"find", required_argument, NULL, 'f'},
                                          {"timeout", required_argument, NULL, 't'},
                                          {"origin", required_argument, NULL, 'o'},
                                          {"marks", required_argument, NULL, 'm'},
                                          {"base", required_argument, NULL, 'b'},
                                          {"last", required_argument, NULL, 'l'},
                                          {"expected", required_argument, NULL, 'e'},
                                          {"settle", required_argument, NULL, 's'},
                                          {"log", required_argument, NULL, 'g'},
                                          {"keys", required_argument, NULL, 'k'},
                                          {"gap", required_argument, NULL, 'p'},
                                          {"shot", required_argument, NULL, 'S'},
                                          {"size", required_argument, NULL, 'z'},
                                          {"grabs", no_argument, NULL, 'G'},
                                          {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'f')
            read_numbers(optarg, &options->find, 1);
        else if (option == 't')
            read_numbers(optarg, &options->timeout_ms, 1);
        else if (option == 'o')
            read_numbers(optarg, watch->origin, 2);
        else if (option == 'm')
            read_numbers(optarg, options->marks, 4);
        else if (option == 'b')
            watch->base = (uint16_t)strtoul(optarg, NULL, 10);
        else if (option == 'l')
            watch->end = (uint16_t)strtoul(optarg, NULL, 10);
        else if (option == 'e')
            watch->expected_path = optarg;
        else if (option == 's')
            read_numbers(optarg, &options->settle_ms, 1);
        else if (option == 'g')
            watch->log = fopen(optarg, "we");
        else if (option == 'k')
            read_numbers(optarg, &watch->keys, 1);
        else if (option == 'p')
            read_numbers(optarg, &watch->gap_ms, 1);
        else if (option == 'S')
            options->shot = optarg;
        else if (option == 'G')
            watch->keep = true;
        else if (option == 'z')
            read_numbers(optarg, options->size, 2);
        else
            errx(2, "usage: see tests/bench/README.md");
    }
}

int
main(int argc, char **argv)
{
    struct watch watch = {.log = stdout, .gap_ms = 120};
    struct options options = {
        .find = -1, .timeout_ms = 10000, .settle_ms = 3000, .size = {1280, 720}};

    read_options(&watch, &options, argc, argv);
    if (!watch.log)
        err(1, "cannot write the log");
    watch.display = screen_display_open();
    if (options.find >= 0)
        return watch_find(&watch, (uint16_t)options.find, options.timeout_ms);
    watch.width = options.size[0];
    watch.height = options.size[1];
    for (int i = 0; i < 2; i++) {
        watch.first[i] = watch.origin[i] + options.marks[i];
        watch.last[i] = watch.origin[i] + options.marks[2 + i];
    }
    watch.one = watch.first[0] == watch.last[0] && watch.first[1] == watch.last[1];
    watch.newest[0] = watch.newest[1] = watch.base;
    watch.mark = screen_new(watch.display, MARK_WIDTH, MARK_HEIGHT);
    watch.picture = screen_new(watch.display, watch.width, watch.height);
    if (watch.keys > 0) {
        watch_focus(&watch);
        watch.next_key = screen_now_ns() + 500000000;
    }
    puts("watching");
    fflush(stdout);
    watch_run(&watch, options.timeout_ms, options.settle_ms);
    watch_report(&watch, options.shot);
    screen_free(watch.mark);
    screen_free(watch.picture);
    free(watch.expected);
    if (fclose(watch.log) != 0)
        err(1, "cannot write the log");
    return 0;
}
