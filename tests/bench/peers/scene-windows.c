/* SPDX-License-Identifier: Apache-2.0 */
/* alttab: four windows as large as the screen, one after the other, all seen before. slides: a new
 * one each second. */
#include "tests/bench/peers/scenes.h"

#include <glib.h>
#include <stdio.h>

#define TOP    20
#define HEIGHT 680

static struct sheet *
editor(void)
{
    struct sheet *sheet = sheet_new(SCENE_WIDTH, HEIGHT, 0);
    char line[160];

    sheet_rect(sheet, 0, 0, SCENE_WIDTH, HEIGHT, 0x1c2228);
    sheet_rect(sheet, 0, 0, 220, HEIGHT, 0x262e36);
    for (int i = 0; i < 40; i++) {
        paint_line(line, sizeof line, 60000 + (unsigned int)i, true);
        sheet_text(sheet, 240, 8 + i * 16, 13, true, line, i % 5 ? 0xc8ccd0 : 0x80b060);
        snprintf(line, sizeof line, "module-%d.c", i);
        sheet_text(sheet, 12, 8 + i * 16, 12, false, line, 0x98a0a8);
    }
    return sheet;
}

static struct sheet *
browser(void)
{
    struct sheet *sheet = sheet_new(SCENE_WIDTH, HEIGHT, 0xff);
    char line[160];

    sheet_gradient(sheet, 0, 0, SCENE_WIDTH, 36, 0xe8ecf4, 0xc8d0e0);
    sheet_photo(sheet, 60, 60, 420, 280, 130);
    sheet_photo(sheet, 760, 380, 420, 260, 131);
    for (int i = 0; i < 34; i++) {
        paint_line(line, sizeof line, 61000 + (unsigned int)i, false);
        line[70] = '\0';
        sheet_text(sheet, i < 17 ? 520 : 60, (i < 17 ? 60 : 108) + i * 17, 14, false, line,
                   0x101010);
    }
    return sheet;
}

void
scene_alttab_begin(struct scene_state *state, int frames)
{
    (void)frames;
    sheet_rect(state->screen, 0, 0, SCENE_WIDTH, SCENE_HEIGHT, 0x303840);
    state->stock[0] = scene_office_cells();
    state->stock[1] = scene_office_letter();
    state->stock[2] = editor();
    state->stock[3] = browser();
    sheet_copy(state->screen, 0, TOP, state->stock[0], 0, 0, SCENE_WIDTH, HEIGHT);
}

void
scene_alttab_step(struct scene_state *state, int n, struct change *change)
{
    sheet_copy(state->screen, 0, TOP, state->stock[n % 4], 0, 0, SCENE_WIDTH, HEIGHT);
    change->areas[change->count++] = (struct area){0, TOP, SCENE_WIDTH, HEIGHT};
}

static void
slide(struct sheet *screen, int n)
{
    static const uint32_t colours[] = {0x204070, 0x2c5040, 0x603038, 0x403060};
    char line[160];

    sheet_gradient(screen, 0, 0, SCENE_WIDTH, SCENE_HEIGHT, colours[n % 4], 0xf4f4f8);
    snprintf(line, sizeof line, "Slide %d: what the figures say", n + 1);
    sheet_text(screen, 70, 60, 44, false, line, 0xffffff);
    for (int i = 0; i < 6; i++) {
        paint_line(line, sizeof line, 70000 + (unsigned int)(n * 10 + i), false);
        line[34] = '\0';
        sheet_text(screen, 80, 180 + i * 70, 26, false, line, 0x101010);
    }
    sheet_photo(screen, 680, 180, 520, 360, 150 + (uint32_t)n);
    for (int i = 0; i < 8; i++)
        sheet_rect(screen, 690 + i * 62, 680 - (n * 37 + i * 53) % 110, 44,
                   (n * 37 + i * 53) % 110 + 4, 0xd07030);
}

void
scene_slides_begin(struct scene_state *state, int frames)
{
    (void)frames;
    slide(state->screen, 0);
}

void
scene_slides_step(struct scene_state *state, int n, struct change *change)
{
    slide(state->screen, n);
    change->areas[change->count++] = (struct area){0, 0, SCENE_WIDTH, SCENE_HEIGHT};
}
