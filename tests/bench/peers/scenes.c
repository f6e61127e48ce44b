/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/peers/scenes.h"

#include <glib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/peers/mark.h"

#define VIEW_X      40
#define VIEW_Y      20
#define VIEW_WIDTH  (SCENE_WIDTH - 2 * VIEW_X)
#define VIEW_HEIGHT (SCENE_HEIGHT - 2 * VIEW_Y)
#define LINE        16
#define MARK(x, y)                                                                                 \
    {                                                                                              \
        (x), (y), MARK_WIDTH, MARK_HEIGHT                                                          \
    }
#define VIEW_MARKS                                                                                 \
    MARK(VIEW_X, VIEW_Y), MARK(VIEW_X + VIEW_WIDTH - MARK_WIDTH, VIEW_Y + VIEW_HEIGHT - MARK_HEIGHT)

static void
change_add(struct change *change, int x, int y, int width, int height)
{
    g_assert(change->count < SCENE_RECTS);
    change->areas[change->count++] = (struct area){x, y, width, height};
}

static void
text_page(struct sheet *sheet, int x, int y, int lines, unsigned int first, bool code)
{
    char line[160];

    for (int i = 0; i < lines; i++) {
        paint_line(line, sizeof line, first + (unsigned int)i, code);
        sheet_text(sheet, x, y + i * LINE, 13, code, line, code ? 0x202830 : 0x101010);
    }
}

/* type: characters at a caret */

#define TYPE_X 40
#define TYPE_Y 64
#define GLYPH  10

static void
type_begin(struct scene_state *state, int frames)
{
    (void)frames;
    sheet_rect(state->screen, 0, 0, SCENE_WIDTH, SCENE_HEIGHT, 0xffffff);
    text_page(state->screen, TYPE_X, 200, 30, 7, false);
}

static void
type_step(struct scene_state *state, int n, struct change *change)
{
    static const char text[] = "Whoever types wants to see what was typed, at once and sharply. ";
    char glyph[2] = {text[(size_t)n % (sizeof text - 1)], '\0'};
    int x = TYPE_X + (n - 1) % 110 * GLYPH, y = TYPE_Y + (n - 1) / 110 * 20;

    sheet_rect(state->screen, x, y, GLYPH, 20, 0xffffff);
    sheet_text(state->screen, x, y, 15, true, glyph, 0x101010);
    sheet_rect(state->screen, x + GLYPH, y + 1, 2, 17, 0x000000);
    change_add(change, x, y, GLYPH + 2, 20);
}

/* scroll: source text, three lines a step */

static void
scroll_begin(struct scene_state *state, int frames)
{
    int lines = frames * 3 + VIEW_HEIGHT / LINE + 2;

    sheet_rect(state->screen, 0, 0, SCENE_WIDTH, SCENE_HEIGHT, 0xd8dade);
    state->stock[0] = sheet_new(VIEW_WIDTH, lines * LINE, 0xff);
    text_page(state->stock[0], 44, 0, lines, 1000, true);
    sheet_copy(state->screen, VIEW_X, VIEW_Y, state->stock[0], 0, 0, VIEW_WIDTH, VIEW_HEIGHT);
}

static void
scroll_step(struct scene_state *state, int n, struct change *change)
{
    sheet_copy(state->screen, VIEW_X, VIEW_Y, state->stock[0], 0, n * 3 * LINE, VIEW_WIDTH,
               VIEW_HEIGHT);
    change_add(change, VIEW_X, VIEW_Y, VIEW_WIDTH, VIEW_HEIGHT);
}

/* drag: a window of text over a photo */

#define DRAG_WIDTH  480
#define DRAG_HEIGHT 340

static struct area
drag_place(int n)
{
    double t = n * 0.05;

    return (struct area){(int)(390 + 330 * sin(t)), (int)(190 + 160 * sin(t * 1.3)), DRAG_WIDTH,
                         DRAG_HEIGHT};
}

static void
drag_begin(struct scene_state *state, int frames)
{
    struct area at = drag_place(0);

    (void)frames;
    state->stock[0] = sheet_new(SCENE_WIDTH, SCENE_HEIGHT, 0);
    sheet_photo(state->stock[0], 0, 0, SCENE_WIDTH, SCENE_HEIGHT, 11);
    state->stock[1] = sheet_new(DRAG_WIDTH, DRAG_HEIGHT, 0xff);
    text_page(state->stock[1], 8, 32, 19, 300, false);
    sheet_gradient(state->stock[1], 0, 0, DRAG_WIDTH, 26, 0x3060a0, 0x203050);
    sheet_text(state->stock[1], 8, 4, 14, false, "A window that is moved", 0xffffff);
    sheet_copy(state->screen, 0, 0, state->stock[0], 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
    sheet_copy(state->screen, at.x, at.y, state->stock[1], 0, 0, DRAG_WIDTH, DRAG_HEIGHT);
}

static void
drag_step(struct scene_state *state, int n, struct change *change)
{
    struct area old = drag_place(n - 1), at = drag_place(n);
    int left = MIN(old.x, at.x), top = MIN(old.y, at.y);
    int right = MAX(old.x, at.x) + DRAG_WIDTH, bottom = MAX(old.y, at.y) + DRAG_HEIGHT;

    sheet_copy(state->screen, old.x, old.y, state->stock[0], old.x, old.y, DRAG_WIDTH, DRAG_HEIGHT);
    sheet_copy(state->screen, at.x, at.y, state->stock[1], 0, 0, DRAG_WIDTH, DRAG_HEIGHT);
    change_add(change, left, top, right - left, bottom - top);
}

/* web: a page of text, photos and gradients */

static void
web_begin(struct scene_state *state, int frames)
{
    int height = frames * 40 + VIEW_HEIGHT;
    struct sheet *page = sheet_new(VIEW_WIDTH, height + 400, 0xff);

    sheet_rect(state->screen, 0, 0, SCENE_WIDTH, SCENE_HEIGHT, 0xe8e8ec);
    for (int y = 0, i = 0; y < height; y += 400, i++) {
        sheet_gradient(page, 0, y, VIEW_WIDTH, 48, 0x4070c0, i % 2 ? 0xf0f4ff : 0x80c0a0);
        sheet_text(page, 48, y + 12, 20, false, "A headline over its article", 0xffffff);
        sheet_photo(page, i % 2 ? 780 : 48, y + 64, 360, 240, 40 + (uint32_t)i);
        text_page(page, i % 2 ? 48 : 440, y + 64, 20, 5000 + (unsigned int)i * 50, false);
    }
    state->stock[0] = page;
    sheet_copy(state->screen, VIEW_X, VIEW_Y, page, 0, 0, VIEW_WIDTH, VIEW_HEIGHT);
}

static void
web_step(struct scene_state *state, int n, struct change *change)
{
    sheet_copy(state->screen, VIEW_X, VIEW_Y, state->stock[0], 0, n * 40, VIEW_WIDTH, VIEW_HEIGHT);
    change_add(change, VIEW_X, VIEW_Y, VIEW_WIDTH, VIEW_HEIGHT);
}

/* photo: another one each second. Photos take a while to make, so there are three. */

static void
photo_begin(struct scene_state *state, int frames)
{
    (void)frames;
    for (uint32_t i = 0; i < 4; i++) {
        state->stock[i] = sheet_new(SCENE_WIDTH, SCENE_HEIGHT, 0);
        sheet_photo(state->stock[i], 0, 0, SCENE_WIDTH, SCENE_HEIGHT, 70 + i);
    }
    sheet_copy(state->screen, 0, 0, state->stock[0], 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
}

static void
photo_step(struct scene_state *state, int n, struct change *change)
{
    sheet_copy(state->screen, 0, 0, state->stock[n % 4], 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
    change_add(change, 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
}

/* photo1: a photo that opens over text, once */

static void
photo1_begin(struct scene_state *state, int frames)
{
    (void)frames;
    sheet_rect(state->screen, 0, 0, SCENE_WIDTH, SCENE_HEIGHT, 0xffffff);
    text_page(state->screen, 24, 16, 42, 600, false);
    state->stock[0] = sheet_new(SCENE_WIDTH, SCENE_HEIGHT, 0);
    sheet_photo(state->stock[0], 0, 0, SCENE_WIDTH, SCENE_HEIGHT, 90);
}

static void
photo1_step(struct scene_state *state, int n, struct change *change)
{
    (void)n;
    sheet_copy(state->screen, 0, 0, state->stock[0], 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
    change_add(change, 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
}

/* flip: a page of text gives way to the next one; none comes back */

static void
flip_page(struct scene_state *state, int n)
{
    sheet_rect(state->screen, VIEW_X, VIEW_Y, VIEW_WIDTH, VIEW_HEIGHT, 0xffffff);
    text_page(state->screen, VIEW_X + 44, VIEW_Y + 4, VIEW_HEIGHT / LINE,
              20000 + (unsigned int)n * 100, n % 3 == 2);
}

static void
flip_begin(struct scene_state *state, int frames)
{
    (void)frames;
    sheet_rect(state->screen, 0, 0, SCENE_WIDTH, SCENE_HEIGHT, 0xd8dade);
    flip_page(state, 0);
}

static void
flip_step(struct scene_state *state, int n, struct change *change)
{
    flip_page(state, n);
    change_add(change, VIEW_X, VIEW_Y, VIEW_WIDTH, VIEW_HEIGHT);
}

/* term: a terminal that puts out lines; the others move up, as xterm has it done */

#define TERM_HEIGHT (VIEW_HEIGHT / LINE * LINE)

static void
term_line(struct sheet *screen, int row, unsigned int n)
{
    char line[160];

    sheet_rect(screen, VIEW_X, VIEW_Y + row * LINE, VIEW_WIDTH, LINE, 0x101418);
    paint_line(line, sizeof line, n, true);
    sheet_text(screen, VIEW_X + 4, VIEW_Y + row * LINE, 13, true, line, 0xc8d0c8);
}

static void
term_begin(struct scene_state *state, int frames)
{
    (void)frames;
    sheet_rect(state->screen, 0, 0, SCENE_WIDTH, SCENE_HEIGHT, 0x283038);
    sheet_rect(state->screen, VIEW_X, VIEW_Y, VIEW_WIDTH, TERM_HEIGHT, 0x101418);
    for (int row = 0; row < TERM_HEIGHT / LINE; row++)
        term_line(state->screen, row, 40000 + (unsigned int)row);
}

static void
term_step(struct scene_state *state, int n, struct change *change)
{
    int last = TERM_HEIGHT / LINE - 1;

    cairo_surface_flush(state->screen->surface);
    sheet_copy(state->screen, VIEW_X, VIEW_Y, state->screen, VIEW_X, VIEW_Y + LINE, VIEW_WIDTH,
               TERM_HEIGHT - LINE);
    term_line(state->screen, last, 40000 + (unsigned int)(last + n));
    change->moved = (struct area){VIEW_X, VIEW_Y, VIEW_WIDTH, TERM_HEIGHT};
    change->up = LINE;
    change_add(change, VIEW_X, VIEW_Y + last * LINE, VIEW_WIDTH, LINE);
}

/* video: 640 x 360 pans over a photo with grain, a page of text around */

#define VIDEO_X      320
#define VIDEO_Y      180
#define VIDEO_WIDTH  640
#define VIDEO_HEIGHT 360

static void
video_begin(struct scene_state *state, int frames)
{
    (void)frames;
    sheet_rect(state->screen, 0, 0, SCENE_WIDTH, SCENE_HEIGHT, 0xffffff);
    text_page(state->screen, 24, 16, 42, 800, false);
    state->stock[0] = sheet_new(SCENE_WIDTH, SCENE_HEIGHT, 0);
    sheet_photo(state->stock[0], 0, 0, SCENE_WIDTH, SCENE_HEIGHT, 21);
    sheet_copy(state->screen, VIDEO_X, VIDEO_Y, state->stock[0], 0, 0, VIDEO_WIDTH, VIDEO_HEIGHT);
}

static uint32_t
grained(uint32_t pixel, int grain)
{
    uint32_t result = 0;

    for (int shift = 0; shift < 24; shift += 8) {
        int value = (int)(pixel >> shift & 0xff) + grain;

        result |= (uint32_t)CLAMP(value, 0, 255) << shift;
    }
    return result;
}

static void
video_step(struct scene_state *state, int n, struct change *change)
{
    int sx = (int)(300 + 290 * sin(n * 0.031)), sy = (int)(170 + 165 * sin(n * 0.023));
    uint32_t random = (uint32_t)n * 2246822519u + 3;

    for (int y = 0; y < VIDEO_HEIGHT; y++) {
        const uint32_t *from = state->stock[0]->pixels + (size_t)(sy + y) * SCENE_WIDTH + sx;
        uint32_t *to = state->screen->pixels + (size_t)(VIDEO_Y + y) * SCENE_WIDTH + VIDEO_X;

        for (int x = 0; x < VIDEO_WIDTH; x++)
            to[x] = grained(from[x], (int)(paint_random(&random) >> 30) - 1);
    }
    change_add(change, VIDEO_X, VIDEO_Y, VIDEO_WIDTH, VIDEO_HEIGHT);
}

/* idle: a clock each second, a caret that blinks between */

static void
idle_begin(struct scene_state *state, int frames)
{
    (void)frames;
    sheet_rect(state->screen, 0, 0, SCENE_WIDTH, SCENE_HEIGHT, 0xffffff);
    text_page(state->screen, 24, 80, 38, 900, false);
}

static void
idle_step(struct scene_state *state, int n, struct change *change)
{
    char clock[16];

    sheet_rect(state->screen, 300, 81, 2, 15, n % 2 ? 0x000000 : 0xffffff);
    change_add(change, 300, 81, 2, 15);
    if (n % 2)
        return;
    snprintf(clock, sizeof clock, "12:34:%02d", n / 2 % 60);
    sheet_rect(state->screen, 100, 40, 90, 20, 0xffffff);
    sheet_text(state->screen, 100, 40, 15, false, clock, 0x101010);
    change_add(change, 100, 40, 90, 20);
}

/* input-video: typing beside a video */

static void
input_video_begin(struct scene_state *state, int frames)
{
    video_begin(state, frames);
    sheet_rect(state->screen, 0, 32, SCENE_WIDTH, 64, 0xffffff);
}

/* caret: it blinks and nothing else happens; quiet, attach: not even that */

static void
quiet_begin(struct scene_state *state, int frames)
{
    (void)frames;
    sheet_rect(state->screen, 0, 0, SCENE_WIDTH, SCENE_HEIGHT, 0x506880);
    sheet_gradient(state->screen, VIEW_X, VIEW_Y, VIEW_WIDTH, 28, 0x3060a0, 0x203050);
    sheet_rect(state->screen, VIEW_X, VIEW_Y + 28, VIEW_WIDTH, VIEW_HEIGHT - 28, 0xffffff);
    text_page(state->screen, VIEW_X + 44, VIEW_Y + 40, 38, 900, false);
}

static void
caret_step(struct scene_state *state, int n, struct change *change)
{
    sheet_rect(state->screen, 90, 701, 2, 15, n % 2 ? 0x000000 : 0xffffff);
    change_add(change, 90, 701, 2, 15);
}

/* resume: something small happens while the line is down */

static void
resume_step(struct scene_state *state, int n, struct change *change)
{
    (void)n;
    sheet_rect(state->screen, VIEW_X + 44, VIEW_Y + 652, 400, 20, 0xffffff);
    sheet_text(state->screen, VIEW_X + 44, VIEW_Y + 652, 13, false, "Mail has come meanwhile.",
               0x101010);
    change_add(change, VIEW_X + 44, VIEW_Y + 652, 400, 20);
}

#define CORNERS MARK(0, 0), MARK(SCENE_WIDTH - MARK_WIDTH, SCENE_HEIGHT - MARK_HEIGHT)
#define EDGES   MARK(4, 2), MARK(SCENE_WIDTH - 36, SCENE_HEIGHT - 18)

static const struct scene_kind kinds[] = {
    {"type", 20000, 80, MARK(TYPE_X, 40), MARK(TYPE_X, 40), type_begin, type_step, NULL, 0, false},
    {"term", 25000, 75, EDGES, term_begin, term_step, NULL, 0, false},
    {"scroll", 30000, 90, VIEW_MARKS, scroll_begin, scroll_step, NULL, 0, false},
    {"drag", 30000, 90, MARK(24, 4), MARK(1224, 700), drag_begin, drag_step, NULL, 0, false},
    {"web", 30000, 90, VIEW_MARKS, web_begin, web_step, NULL, 0, false},
    {"flip", 2500, 10, VIEW_MARKS, flip_begin, flip_step, NULL, 0, false},
    {"alttab", 3000, 12, EDGES, scene_alttab_begin, scene_alttab_step, NULL, 4, false},
    {"slides", 1000, 4, CORNERS, scene_slides_begin, scene_slides_step, NULL, 0, false},
    {"photo", 1000, 4, CORNERS, photo_begin, photo_step, NULL, 0, false},
    {"photo1", 1000, 1, CORNERS, photo1_begin, photo1_step, NULL, 0, false},
    {"video", 25000, 75, MARK(VIDEO_X, VIDEO_Y),
     MARK(VIDEO_X + VIDEO_WIDTH - MARK_WIDTH, VIDEO_Y + VIDEO_HEIGHT - MARK_HEIGHT), video_begin,
     video_step, NULL, 0, false},
    {"input-video", 25000, 25, MARK(TYPE_X, 40), MARK(TYPE_X, 40), input_video_begin, type_step,
     video_step, 0, false},
    {"office", 6000, 24, EDGES, scene_office_begin, scene_office_step, NULL, 0, false},
    {"idle", 2000, 8, MARK(40, 40), MARK(40, 40), idle_begin, idle_step, NULL, 0, false},
    {"caret", 2000, 20, EDGES, quiet_begin, caret_step, NULL, 0, true},
    {"resume", 1000, 1, EDGES, quiet_begin, resume_step, NULL, 0, false},
    {"quiet", 1000, 0, EDGES, quiet_begin, NULL, NULL, 0, false},
};

const struct scene_kind *
scene_kind_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

const char *
scene_kind_name(size_t index)
{
    return index < G_N_ELEMENTS(kinds) ? kinds[index].name : NULL;
}

size_t
scene_kind_index(const struct scene_kind *kind)
{
    return (size_t)(kind - kinds);
}
