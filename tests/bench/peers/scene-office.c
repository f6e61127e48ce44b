/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/peers/scenes.h"

#include <glib.h>
#include <stdio.h>

#define TOP    20
#define HEIGHT 680

/* The two windows between which the user switches; drawn once, shown again and again. */
struct sheet *
scene_office_cells(void)
{
    struct sheet *sheet = sheet_new(SCENE_WIDTH, HEIGHT, 0xff);
    char text[32];

    sheet_rect(sheet, 0, 0, SCENE_WIDTH, 60, 0xe4e6ea);
    sheet_text(sheet, 8, 6, 14, false, "File   Edit   View   Insert   Format   Data   Help",
               0x202020);
    for (int row = 0; row < 31; row++)
        for (int column = 0; column < 13; column++) {
            int x = column * 98, y = 60 + row * 20;

            sheet_rect(sheet, x, y + 19, 98, 1, 0xc8c8cc);
            sheet_rect(sheet, x + 97, y, 1, 20, 0xc8c8cc);
            snprintf(text, sizeof text, "%d.%02d", (row * 7919 + column * 104729) % 9973,
                     (row * 31 + column * 17) % 100);
            sheet_text(sheet, x + 6, y + 1, 13, false, text, 0x101010);
        }
    return sheet;
}

struct sheet *
scene_office_letter(void)
{
    struct sheet *sheet = sheet_new(SCENE_WIDTH, HEIGHT, 0xc0);
    char line[160];

    sheet_gradient(sheet, 0, 0, SCENE_WIDTH, 40, 0xf6f8ff, 0xb0bcd8);
    sheet_text(sheet, 12, 10, 14, false, "Letter.odt", 0x202020);
    sheet_rect(sheet, 200, 52, 880, HEIGHT - 52, 0xffffff);
    for (int i = 0; i < 34; i++) {
        paint_line(line, sizeof line, 2000 + (unsigned int)i, false);
        sheet_text(sheet, 240, 80 + i * 17, 14, false, line, 0x000000);
    }
    return sheet;
}

void
scene_office_begin(struct scene_state *state, int frames)
{
    (void)frames;
    sheet_rect(state->screen, 0, 0, SCENE_WIDTH, SCENE_HEIGHT, 0x303840);
    state->stock[0] = scene_office_cells();
    state->stock[1] = scene_office_letter();
    sheet_copy(state->screen, 0, TOP, state->stock[0], 0, 0, SCENE_WIDTH, HEIGHT);
}

static void
office_menu(struct sheet *screen, int chosen)
{
    static const char *const entries[] = {"New",        "Open…",        "Save",
                                          "Save as…",   "Export",       "Print…",
                                          "Properties", "Close window", "Quit"};

    sheet_rect(screen, 8, TOP + 26, 200, 234, 0xf4f4f6);
    sheet_rect(screen, 10, TOP + 30 + chosen * 25, 196, 25, 0x3060c0);
    for (int i = 0; i < (int)G_N_ELEMENTS(entries); i++)
        sheet_text(screen, 22, TOP + 34 + i * 25, 14, false, entries[i],
                   i == chosen ? 0xffffff : 0x202020);
}

static void
office_dialog(struct sheet *screen)
{
    sheet_rect(screen, 440, 240, 400, 200, 0xf0f0f2);
    sheet_gradient(screen, 440, 240, 400, 28, 0x5070b0, 0x304070);
    sheet_text(screen, 452, 246, 14, false, "Save changes?", 0xffffff);
    sheet_text(screen, 470, 300, 14, false, "The table has changed since it was saved.", 0x202020);
    sheet_rect(screen, 640, 390, 84, 30, 0xd0d4dc);
    sheet_rect(screen, 740, 390, 84, 30, 0x3060c0);
    sheet_text(screen, 660, 396, 14, false, "Discard", 0x202020);
    sheet_text(screen, 764, 396, 14, false, "Save", 0xffffff);
}

static void
office_back(struct scene_state *state, struct change *change, struct area area)
{
    sheet_copy(state->screen, area.x, area.y, state->stock[0], area.x, area.y - TOP, area.width,
               area.height);
    change->areas[change->count++] = area;
}

void
scene_office_step(struct scene_state *state, int n, struct change *change)
{
    struct area menu = {8, TOP + 26, 200, 234}, dialog = {440, 240, 400, 200};
    struct area all = {0, TOP, SCENE_WIDTH, HEIGHT};
    struct area cell = {97 * 3 + 3, TOP + 60 + n % 24 * 20, 94, 19};
    char text[16];
    int phase = n % 12;

    if (phase >= 1 && phase <= 3) {
        office_menu(state->screen, phase - 1);
        change->areas[change->count++] = menu;
    } else if (phase == 4) {
        office_back(state, change, menu);
    } else if (phase == 5) {
        office_dialog(state->screen);
        change->areas[change->count++] = dialog;
    } else if (phase == 6) {
        office_back(state, change, dialog);
    } else if (phase >= 7 && phase <= 9) {
        snprintf(text, sizeof text, "%d", n * 37);
        sheet_rect(state->screen, cell.x, cell.y, cell.width, cell.height, 0xfffbe0);
        sheet_text(state->screen, cell.x + 3, cell.y + 1, 13, false, text, 0x101010);
        change->areas[change->count++] = cell;
    } else {
        sheet_copy(state->screen, 0, TOP, state->stock[phase == 10 ? 1 : 0], 0, 0, SCENE_WIDTH,
                   HEIGHT);
        change->areas[change->count++] = all;
    }
}
