/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/text.h"

/* The window with the document, and the page in it. */
#define PAGE_X       162
#define PAGE_Y       90
#define PAGE_WIDTH   1560
#define PAGE_HEIGHT  918 /* 51 lines */
#define PAGE_LINES   (PAGE_HEIGHT / TEXT_LINE_HEIGHT)
#define LINE_CHARS   200
#define PHOTO_WIDTH  1200
#define PHOTO_HEIGHT 800

struct screen {
    uint8_t *pixels;
    struct text *text;
};

static const struct vdp_rect page = {PAGE_X, PAGE_Y, PAGE_WIDTH, PAGE_HEIGHT};

static uint32_t
hash(uint32_t value)
{
    value = (value ^ value >> 16) * 0x7feb352du;
    value = (value ^ value >> 15) * 0x846ca68bu;
    return value ^ value >> 16;
}

static void
set_pixel(struct screen *screen, int x, int y, int red, int green, int blue)
{
    uint8_t *pixel = screen->pixels + ((size_t)y * SCREEN_WIDTH + (size_t)x) * 4;

    pixel[0] = (uint8_t)(blue < 0 ? 0 : blue > 255 ? 255 : blue);
    pixel[1] = (uint8_t)(green < 0 ? 0 : green > 255 ? 255 : green);
    pixel[2] = (uint8_t)(red < 0 ? 0 : red > 255 ? 255 : red);
    pixel[3] = 255;
}

static void
fill(struct screen *screen, int x, int y, int width, int height, uint32_t rgb)
{
    int i;
    int j;

    for (j = y; j < y + height; j++) {
        for (i = x; i < x + width; i++) {
            set_pixel(screen, i, j, (int)(rgb >> 16 & 0xff), (int)(rgb >> 8 & 0xff),
                      (int)(rgb & 0xff));
        }
    }
}

/* Smooth noise: a grid of random values, interpolated; 0..255. */
static int
smooth_noise(uint32_t seed, int x, int y, int cell)
{
    int column = x / cell;
    int row = y / cell;
    int fx = x % cell * 256 / cell;
    int fy = y % cell * 256 / cell;
    int corner[4];
    int i;

    for (i = 0; i < 4; i++) {
        corner[i] = (int)(hash(seed ^ (uint32_t)(column + (i & 1)) * 0x9e3779b1u ^
                               (uint32_t)(row + (i >> 1)) * 0x85ebca77u) &
                          255);
    }
    return ((corner[0] * (256 - fx) + corner[1] * fx) * (256 - fy) +
            (corner[2] * (256 - fx) + corner[3] * fx) * fy) >>
           16;
}

/* Something like a photograph: soft shapes, finer structure, the grain of a sensor. */
static void
draw_photo(struct screen *screen, int left, int top, int width, int height, uint32_t seed,
           int grain)
{
    int x;
    int y;

    for (y = 0; y < height; y++) {
        for (x = 0; x < width; x++) {
            int wide = smooth_noise(seed, x, y, 240);
            int fine = smooth_noise(seed + 1, x, y, 37) - 128;
            int finer = smooth_noise(seed + 2, x, y, 9) - 128;
            int noise = grain > 0 ? (int)(hash(seed ^ (uint32_t)(y * 4096 + x)) % (uint32_t)grain) -
                                        grain / 2
                                  : 0;
            int light = wide + fine / 4 + finer / 8 + noise;

            set_pixel(screen, left + x, top + y, light, light * 7 / 8 + y * 32 / height,
                      light * 5 / 8 + x * 64 / width);
        }
    }
}

/* The words of line number of an endless document. */
static void
write_line(char line[LINE_CHARS + 1], uint32_t number)
{
    static const char letters[] = "etaoinshrdlcumwfgypbvk";
    uint32_t state = hash(number + 1);
    size_t used = 0;
    size_t length = state % 8 == 0 ? 20 : 120 + state % 60; /* a paragraph ends now and then */

    while (used < length) {
        size_t word = 2 + (state = hash(state)) % 8;

        while (word-- > 0 && used < length) {
            state = hash(state);
            /* Frequent letters are frequent. */
            line[used++] = letters[(state & 0xff) * (state >> 8 & 0xff) * 21 / (255 * 255)];
        }
        line[used++] = ' ';
    }
    line[used] = '\0';
}

static void
draw_page(struct screen *screen, uint32_t first_line)
{
    char line[LINE_CHARS + 1];
    int i;

    fill(screen, PAGE_X, PAGE_Y, PAGE_WIDTH, PAGE_HEIGHT, 0xffffff);
    text_clip(screen->text, PAGE_X, PAGE_Y, PAGE_WIDTH, PAGE_HEIGHT);
    for (i = 0; i < PAGE_LINES; i++) {
        write_line(line, first_line + (uint32_t)i);
        text_draw(screen->text, PAGE_X + 12, PAGE_Y + i * TEXT_LINE_HEIGHT, line, 0x1a1a1a);
    }
}

static void
draw_desktop(struct screen *screen)
{
    draw_photo(screen, 0, 0, SCREEN_WIDTH, SCREEN_HEIGHT, 7, 0);
    fill(screen, 0, 0, SCREEN_WIDTH, 32, 0x202428);
    fill(screen, PAGE_X - 2, PAGE_Y - 34, PAGE_WIDTH + 4, PAGE_HEIGHT + 36, 0xd8d8d8);
    text_clip(screen->text, 0, 0, SCREEN_WIDTH, SCREEN_HEIGHT);
    text_draw(screen->text, 12, 7, "Applications   Places   System", 0xf0f0f0);
    text_draw(screen->text, SCREEN_WIDTH - 120, 7, "Sun 22 Nov 20:26", 0xf0f0f0);
    text_draw(screen->text, PAGE_X + 10, PAGE_Y - 26, "report.txt - Editor", 0x303030);
    draw_page(screen, 0);
}

static void
step_first(struct screen *screen, unsigned step, struct vdp_rect *ret_damage)
{
    (void)step;
    draw_desktop(screen);
    *ret_damage = (struct vdp_rect){0, 0, SCREEN_WIDTH, SCREEN_HEIGHT};
}

/* A line grows by a letter a step, on white paper at the end of the page. */
static void
step_typing(struct screen *screen, unsigned step, struct vdp_rect *ret_damage)
{
    char line[LINE_CHARS + 1];
    int y = PAGE_Y + (PAGE_LINES - 1 - (int)(step / 100 % 4)) * TEXT_LINE_HEIGHT;

    memset(line, 'x', sizeof(line));
    write_line(line, 100003 + step / 100);
    if (step % 100 + 1 < strlen(line)) {
        line[step % 100 + 1] = '\0';
    }
    fill(screen, PAGE_X, y, PAGE_WIDTH, TEXT_LINE_HEIGHT, 0xffffff);
    text_clip(screen->text, PAGE_X, y, PAGE_WIDTH, TEXT_LINE_HEIGHT);
    text_draw(screen->text, PAGE_X + 12, y, line, 0x1a1a1a);
    *ret_damage = (struct vdp_rect){PAGE_X, (uint16_t)y, PAGE_WIDTH, TEXT_LINE_HEIGHT};
}

static void
step_scroll(struct screen *screen, unsigned step, struct vdp_rect *ret_damage)
{
    draw_page(screen, 3 * (step + 1));
    *ret_damage = page;
}

/* A window of text over the page, dragged by a few pixels a step. */
static void
step_drag(struct screen *screen, unsigned step, struct vdp_rect *ret_damage)
{
    char line[LINE_CHARS + 1];
    int x = 200 + (int)step * 13;
    int y = 130 + (int)step * 5;
    int i;

    draw_page(screen, 0);
    fill(screen, x, y, 700, 24, 0x3a5a8a);
    fill(screen, x, y + 24, 700, 456, 0xfafafa);
    text_clip(screen->text, x, y, 700, 480);
    text_draw(screen->text, x + 8, y + 3, "notes.txt", 0xffffff);
    for (i = 1; i < 26; i++) {
        write_line(line, 7000 + (uint32_t)i);
        text_draw(screen->text, x + 8, y + i * TEXT_LINE_HEIGHT + 8, line, 0x1a1a1a);
    }
    *ret_damage = page;
}

static void
prepare_drag(struct screen *screen)
{
    struct vdp_rect damage;

    draw_desktop(screen);
    step_drag(screen, 0, &damage);
}

static void
step_flip(struct screen *screen, unsigned step, struct vdp_rect *ret_damage)
{
    draw_page(screen, 5000 + PAGE_LINES * step);
    *ret_damage = page;
}

static void
prepare_revisit(struct screen *screen)
{
    draw_desktop(screen);
    draw_page(screen, 20000);
}

/* Two documents, one over the other by turns. */
static void
step_revisit(struct screen *screen, unsigned step, struct vdp_rect *ret_damage)
{
    draw_page(screen, step % 2 == 0 ? 30000 : 20000);
    *ret_damage = page;
}

static void
step_photo(struct screen *screen, unsigned step, struct vdp_rect *ret_damage)
{
    draw_photo(screen, PAGE_X + 40, PAGE_Y + 40, PHOTO_WIDTH, PHOTO_HEIGHT, 1000 + step * 10, 7);
    *ret_damage = (struct vdp_rect){PAGE_X + 40, PAGE_Y + 40, PHOTO_WIDTH, PHOTO_HEIGHT};
}

static const struct trace traces[] = {
    {"first", "the whole desktop for an empty peer", 1, NULL, step_first},
    {"typing", "one letter an update", 300, draw_desktop, step_typing},
    {"scroll", "a page of text by three lines", 40, draw_desktop, step_scroll},
    {"drag", "a 700x480 window of text over a page of text", 30, prepare_drag, step_drag},
    {"flip", "the next page of text", 10, draw_desktop, step_flip},
    {"revisit", "two pages by turns", 10, prepare_revisit, step_revisit},
    {"photo", "a new 1200x800 photograph, lossless", 4, draw_desktop, step_photo},
};

const struct trace *
trace_list(size_t *ret_count)
{
    *ret_count = sizeof(traces) / sizeof(traces[0]);
    return traces;
}

struct screen *
screen_new(void)
{
    struct screen *screen = calloc(1, sizeof(*screen));

    if (screen == NULL || (screen->pixels = calloc(SCREEN_WIDTH * SCREEN_HEIGHT, 4)) == NULL) {
        abort();
    }
    screen->text = text_new(screen->pixels, SCREEN_WIDTH, SCREEN_HEIGHT);
    return screen;
}

void
screen_free(struct screen *screen)
{
    text_free(screen->text);
    free(screen->pixels);
    free(screen);
}

const uint8_t *
screen_pixels(const struct screen *screen)
{
    return screen->pixels;
}
