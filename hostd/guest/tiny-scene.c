/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/tiny-scene.h"

#include <stdio.h>
#include <string.h>

#define MARGIN      32
#define PADDING     16
#define TILE        64
#define PANEL_WIDTH (SCENE_COLUMNS * GLYPH_WIDTH + 2 * PADDING)
#define STATUS_TOP  (MARGIN + PADDING)
#define STATUS_END  (STATUS_TOP + SCENE_STATUS * GLYPH_HEIGHT + PADDING)
#define TEXT_TOP    (STATUS_END + PADDING)
#define TEXT_END    (TEXT_TOP + SCENE_LINES * GLYPH_HEIGHT + PADDING)

#define STATUS_PAPER 0x10202cu
#define STATUS_INK   0xe8f0f4u
#define TEXT_PAPER   0xf8f8f4u
#define TEXT_INK     0x101010u

#define BLUE      96u
#define BLUE_STEP 48u
#define SIDE_END  (STATUS_TOP + SCENE_SIDE * GLYPH_HEIGHT + PADDING)

static void
draw_background(struct canvas *canvas, uint32_t blue)
{
    int right = canvas->width > 1 ? canvas->width - 1 : 1;
    int bottom = canvas->height > 1 ? canvas->height - 1 : 1;

    for (int y = 0; y < canvas->height; y++) {
        uint32_t *row = canvas->pixels + (size_t)y * (size_t)canvas->width;
        uint32_t green = (uint32_t)(y * 255 / bottom);

        for (int x = 0; x < canvas->width; x++) {
            row[x] = (uint32_t)(x * 255 / right) << 16 | green << 8 | blue;
        }
    }
    canvas_damage(canvas, (struct rect){0, 0, canvas->width, canvas->height});
}

/* Color of one pixel of a tile; noise is the same at every boot. */
static uint32_t
tile_color(int tile, int x, int y, uint32_t *noise)
{
    switch (tile) {
    case 0:
        return 0xff0000u;
    case 1:
        return 0x00ff00u;
    case 2:
        return 0x0000ffu;
    case 3:
        return ((x ^ y) & 1) != 0 ? 0xffffffu : 0x000000u;
    case 4:
        return (x & 1) != 0 ? 0xffffffu : 0x000000u;
    default:
        *noise ^= *noise << 13;
        *noise ^= *noise >> 17;
        *noise ^= *noise << 5;
        return *noise & 0xffffffu;
    }
}

static void
draw_tiles(struct canvas *canvas)
{
    uint32_t noise = 0x12345678u;

    for (int tile = 0; tile < 6; tile++) {
        int left = canvas->width - MARGIN - TILE, top = MARGIN + tile * (TILE + 8);

        for (int y = 0; y < TILE; y++) {
            for (int x = 0; x < TILE; x++) {
                canvas_pixel(canvas, left + x, top + y, tile_color(tile, x, y, &noise));
            }
        }
    }
}

/* Draws the cells in which now differs from drawn, and makes drawn equal. */
static void
draw_line(struct canvas *canvas, int top, uint32_t paper, uint32_t ink, char *drawn,
          const char *now)
{
    bool ended = false;

    for (int i = 0; i < SCENE_COLUMNS; i++) {
        char cell[2] = {' ', '\0'};

        ended = ended || now[i] == '\0';
        cell[0] = ended ? ' ' : now[i];
        if (cell[0] != drawn[i]) {
            int left = MARGIN + PADDING + i * GLYPH_WIDTH;

            canvas_fill(canvas, (struct rect){left, top, GLYPH_WIDTH, GLYPH_HEIGHT}, paper);
            canvas_text(canvas, left, top, cell, ink);
            drawn[i] = cell[0];
        }
    }
}

static bool
draw_first(struct scene *scene, int width, int height)
{
    canvas_release(&scene->canvas);
    if (!canvas_init(&scene->canvas, width, height)) {
        return false;
    }
    draw_background(&scene->canvas, BLUE);
    draw_tiles(&scene->canvas);
    canvas_fill(&scene->canvas, (struct rect){MARGIN, MARGIN, PANEL_WIDTH, STATUS_END - MARGIN},
                STATUS_PAPER);
    canvas_fill(&scene->canvas,
                (struct rect){MARGIN, STATUS_END, PANEL_WIDTH, TEXT_END - STATUS_END}, TEXT_PAPER);
    memset(scene->status, ' ', sizeof(scene->status));
    memset(scene->drawn, ' ', sizeof(scene->drawn));
    return true;
}

static void
draw_mark(struct scene_side *side)
{
    if (side->clicks > 0) {
        canvas_fill(&side->canvas,
                    (struct rect){side->click_x - SCENE_REACH, side->click_y - SCENE_REACH,
                                  2 * SCENE_REACH + 1, 2 * SCENE_REACH + 1},
                    SCENE_MARK);
    }
}

static bool
draw_side(struct scene_side *side, int number, int width, int height)
{
    canvas_release(&side->canvas);
    if (!canvas_init(&side->canvas, width, height)) {
        return false;
    }
    draw_background(&side->canvas, BLUE + BLUE_STEP * (uint32_t)number);
    canvas_fill(&side->canvas, (struct rect){MARGIN, MARGIN, PANEL_WIDTH, SIDE_END - MARGIN},
                STATUS_PAPER);
    memset(side->drawn, ' ', sizeof(side->drawn));
    draw_mark(side);
    return true;
}

static bool
overlap(const struct rect *a, const struct rect *b)
{
    return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height &&
           b->y < a->y + a->height;
}

static bool
any_overlap(const struct rect *places)
{
    for (int i = 0; i <= SCENE_SIDES; i++) {
        for (int j = 0; j < i; j++) {
            if (places[i].width > 0 && places[j].width > 0 && overlap(&places[i], &places[j])) {
                return true;
            }
        }
    }
    return false;
}

static void
place_monitors(struct scene *scene, const struct rect *places)
{
    struct rect all = {0};
    bool row = any_overlap(places);

    for (int i = 0; i <= SCENE_SIDES; i++) {
        struct rect *place = &scene->places[i];

        *place = places[i].width > 0 ? places[i] : (struct rect){0};
        if (row && place->width > 0) {
            place->x = all.width;
            place->y = 0;
        }
        all = rect_union(all, *place);
    }
    for (int i = 0; i <= SCENE_SIDES; i++) {
        scene->places[i].x -= scene->places[i].width > 0 ? all.x : 0;
        scene->places[i].y -= scene->places[i].width > 0 ? all.y : 0;
    }
    scene->width = all.width;
    scene->height = all.height;
    if (scene->pointer_x >= scene->width) {
        scene->pointer_x = scene->width > 0 ? scene->width - 1 : 0;
    }
    if (scene->pointer_y >= scene->height) {
        scene->pointer_y = scene->height > 0 ? scene->height - 1 : 0;
    }
}

struct canvas *
scene_canvas(struct scene *scene, int monitor)
{
    return monitor == 0 ? &scene->canvas : &scene->sides[monitor - 1].canvas;
}

bool
scene_arrange(struct scene *scene, const struct rect *places)
{
    bool drawn = true;

    place_monitors(scene, places);
    for (int i = 0; i <= SCENE_SIDES && drawn; i++) {
        const struct rect *place = &scene->places[i];
        const struct canvas *canvas = scene_canvas(scene, i);

        if (place->width == 0 ||
            (place->width == canvas->width && place->height == canvas->height)) {
            continue;
        }
        drawn = i == 0 ? draw_first(scene, place->width, place->height)
                       : draw_side(&scene->sides[i - 1], i, place->width, place->height);
    }
    if (drawn) {
        scene_update(scene);
    }
    return drawn;
}

void
scene_click(struct scene *scene)
{
    for (int i = 1; i <= SCENE_SIDES; i++) {
        const struct rect *place = &scene->places[i];
        struct scene_side *side = &scene->sides[i - 1];

        if (scene->pointer_x >= place->x && scene->pointer_x < place->x + place->width &&
            scene->pointer_y >= place->y && scene->pointer_y < place->y + place->height) {
            side->clicks++;
            side->click_x = scene->pointer_x - place->x;
            side->click_y = scene->pointer_y - place->y;
            draw_mark(side);
        }
    }
}

static void
update_side(struct scene *scene, int number)
{
    struct scene_side *side = &scene->sides[number - 1];
    const struct rect *place = &scene->places[number];
    char now[SCENE_SIDE][SCENE_COLUMNS + 1];

    snprintf(now[0], sizeof(now[0]), "monitor %d", number + 1);
    snprintf(now[1], sizeof(now[1]), "mode %dx%d at %d,%d", place->width, place->height, place->x,
             place->y);
    snprintf(now[2], sizeof(now[2]), "clicks %u last %d,%d", side->clicks, side->click_x,
             side->click_y);
    for (int i = 0; i < SCENE_SIDE; i++) {
        draw_line(&side->canvas, STATUS_TOP + i * GLYPH_HEIGHT, STATUS_PAPER, STATUS_INK,
                  side->drawn[i], now[i]);
    }
}

void
scene_update(struct scene *scene)
{
    char now[SCENE_STATUS][SCENE_COLUMNS + 1];

    snprintf(now[0], sizeof(now[0]), "vedette tiny guest%s%.24s",
             scene->user[0] != '\0' ? " of " : "", scene->user);
    snprintf(now[1], sizeof(now[1]), "fresh id %08X", scene->id);
    snprintf(now[2], sizeof(now[2]), "mode %dx%d", scene->canvas.width, scene->canvas.height);
    snprintf(now[3], sizeof(now[3]), "pointer %d,%d buttons %c%c%c wheel %d,%d", scene->pointer_x,
             scene->pointer_y, (scene->buttons & 1) != 0 ? 'L' : '-',
             (scene->buttons & 2) != 0 ? 'M' : '-', (scene->buttons & 4) != 0 ? 'R' : '-',
             scene->wheel, scene->wheel_sideways);
    snprintf(now[4], sizeof(now[4]), "keys %u down %u last %u", scene->keys, scene->down,
             scene->last_key);
    for (int i = 0; i < SCENE_STATUS; i++) {
        draw_line(&scene->canvas, STATUS_TOP + i * GLYPH_HEIGHT, STATUS_PAPER, STATUS_INK,
                  scene->status[i], now[i]);
    }
    for (int i = 0; i < SCENE_LINES; i++) {
        char line[SCENE_COLUMNS + 1];

        memcpy(line, scene->text[i], sizeof(line));
        if (i == scene->line && scene->column < SCENE_COLUMNS) { /* a caret that does not blink */
            line[scene->column] = '_';
            line[scene->column + (scene->column + 1 <= SCENE_COLUMNS ? 1 : 0)] = '\0';
        }
        draw_line(&scene->canvas, TEXT_TOP + i * GLYPH_HEIGHT, TEXT_PAPER, TEXT_INK,
                  scene->drawn[i], line);
    }
    for (int i = 1; i <= SCENE_SIDES; i++) {
        if (scene->places[i].width > 0) {
            update_side(scene, i);
        }
    }
}

static void
new_line(struct scene *scene)
{
    scene->column = 0;
    if (scene->line + 1 < SCENE_LINES) {
        scene->line++;
        return;
    }
    memmove(scene->text[0], scene->text[1], sizeof(scene->text) - sizeof(scene->text[0]));
    memset(scene->text[SCENE_LINES - 1], 0, sizeof(scene->text[0]));
}

static void
rub_out(struct scene *scene)
{
    if (scene->column > 0) {
        scene->column--;
    } else if (scene->line > 0) {
        scene->line--;
        scene->column = (int)strlen(scene->text[scene->line]);
        scene->column -= scene->column == SCENE_COLUMNS ? 1 : 0;
    }
    scene->text[scene->line][scene->column] = '\0';
}

void
scene_type(struct scene *scene, char c)
{
    if (c == '\n') {
        new_line(scene);
    } else if (c == '\b') {
        rub_out(scene);
    } else if (c == '\t') {
        do {
            scene_type(scene, ' ');
        } while (scene->column % 8 != 0);
    } else if (c >= ' ' && c <= '~') {
        scene->text[scene->line][scene->column++] = c;
        scene->text[scene->line][scene->column] = '\0';
        if (scene->column == SCENE_COLUMNS) {
            new_line(scene);
        }
    }
}
