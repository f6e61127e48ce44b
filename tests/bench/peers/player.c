/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/peers/player.h"

#include <err.h>
#include <glib.h>
#include <time.h>

#include "tests/bench/peers/mark.h"

#define WARM_NS 500000000

int64_t
player_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool
area_equal(const struct area *a, const struct area *b)
{
    return a->x == b->x && a->y == b->y;
}

static bool
area_holds(const struct area *outer, const struct area *inner)
{
    return inner->x >= outer->x && inner->y >= outer->y &&
           inner->x + inner->width <= outer->x + outer->width &&
           inner->y + inner->height <= outer->y + outer->height;
}

static void
draw_marks(struct player *player, int n)
{
    const struct area *marks[2] = {&player->kind->first, &player->kind->last};

    cairo_surface_flush(player->state.screen->surface);
    for (int i = 0; i < 2; i++)
        mark_draw(player->state.screen->pixels + (size_t)marks[i]->y * SCENE_WIDTH + marks[i]->x,
                  SCENE_WIDTH, (uint16_t)(player->base + n));
}

static void
save(struct player *player)
{
    GError *error = NULL;

    if (player->expected &&
        !g_file_set_contents(player->expected, (const char *)player->state.screen->pixels,
                             SCENE_WIDTH * SCENE_HEIGHT * 4, &error))
        errx(1, "%s", error->message);
}

void
player_begin(struct player *player)
{
    if (player->frames == 0)
        player->frames = player->kind->frames;
    player->state.screen = sheet_new(SCENE_WIDTH, SCENE_HEIGHT, 0);
    player->kind->begin(&player->state, player->frames);
    draw_marks(player, 0);
    if (player->frames == 0)
        save(player);
}

void
player_end(struct player *player)
{
    for (size_t i = 0; i < G_N_ELEMENTS(player->state.stock); i++)
        sheet_free(player->state.stock[i]);
    sheet_free(player->state.screen);
}

void
player_put_all(struct player *player)
{
    struct area all = {0, 0, SCENE_WIDTH, SCENE_HEIGHT};

    player->output->put(player, &all);
    player->output->sync(player);
}

void
player_warm(struct player *player)
{
    struct change change;

    for (int n = 1; player->kind->warm > 0 && n <= player->kind->warm; n++) {
        change = (struct change){0};
        player->kind->step(&player->state, n, &change);
        draw_marks(player, 0);
        player_put_all(player);
        player->output->wait(player, player_now_ns() + WARM_NS);
    }
}

static void
put_change(struct player *player, const struct change *change)
{
    if (change->up > 0 && player->output->move_up)
        player->output->move_up(player, &change->moved, change->up);
    else if (change->up > 0)
        player->output->put(player, &change->moved);
    for (size_t i = 0; i < change->count; i++)
        player->output->put(player, &change->areas[i]);
}

/* The time is taken when the program has its picture and before the screen hears of it. */
static void
play_frame(struct player *player, int n)
{
    const struct scene_kind *kind = player->kind;
    struct change change = {0};
    bool first_inside = false, last_inside = false,
         marked = !kind->mark_last || n == player->frames;
    int64_t now;

    kind->step(&player->state, n, &change);
    cairo_surface_flush(player->state.screen->surface);
    if (marked)
        draw_marks(player, n);
    if (n == player->frames)
        save(player);
    for (size_t i = 0; i < change.count; i++) {
        first_inside |= area_holds(&change.areas[i], &kind->first);
        last_inside |= area_holds(&change.areas[i], &kind->last);
    }
    now = player_now_ns();
    if (marked && !first_inside)
        player->output->put(player, &kind->first);
    put_change(player, &change);
    if (marked && !last_inside && !area_equal(&kind->first, &kind->last))
        player->output->put(player, &kind->last);
    player->output->sync(player);
    fprintf(player->log, "frame %d %lld\n", player->base + n, (long long)now);
}

static void
play_behind(struct player *player, int n)
{
    struct change change = {0};

    player->kind->behind(&player->state, n, &change);
    put_change(player, &change);
    player->output->sync(player);
}

/* A frame for each key that goes down, while what is behind goes on. */
static void
play_keys(struct player *player)
{
    int64_t start = player_now_ns(), period = 1000000000000 / player->kind->rate_mhz;
    int n = 0, behind = 0;

    period += period * player->slower / 100;
    while (n < player->frames) {
        int got = player->output->wait(player, player->kind->behind ? start + (behind + 1) * period
                                                                    : INT64_MAX);

        if (got < 0)
            return;
        if (got > 0) {
            fprintf(player->log, "pressed %d %lld\n", player->base + n + 1,
                    (long long)player_now_ns());
            play_frame(player, ++n);
        } else if (player->kind->behind) {
            play_behind(player, ++behind);
        }
    }
}

void
player_run(struct player *player)
{
    int64_t start = player_now_ns(), period = 1000000000000 / player->kind->rate_mhz;

    period += period * player->slower / 100;
    if (player->keys)
        play_keys(player);
    else
        for (int n = 1; n <= player->frames; n++) {
            while (player_now_ns() < start + (n - 1) * period)
                player->output->wait(player, start + (n - 1) * period);
            play_frame(player, n);
        }
    fflush(player->log);
}

void
player_render(struct player *player)
{
    struct change change;

    for (int n = 1; n <= player->kind->warm; n++) {
        change = (struct change){0};
        player->kind->step(&player->state, n, &change);
    }
    for (int n = 1; n <= player->frames; n++) {
        change = (struct change){0};
        player->kind->step(&player->state, n, &change);
    }
    draw_marks(player, player->frames);
    save(player);
}

void
player_describe(const struct player *player, FILE *out)
{
    const struct scene_kind *kind = player->kind;

    fprintf(out, "ready %d %d %d %d %d %d\n", player->base, kind->first.x, kind->first.y,
            kind->last.x, kind->last.y, player->frames);
    fflush(out);
}
