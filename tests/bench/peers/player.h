/* SPDX-License-Identifier: Apache-2.0 */
/* Plays a scene: draws its frames into a sheet, hands what changed to the place where it is shown
 * (an X window or a machine's display), and logs when. */
#ifndef BENCH_PEERS_PLAYER_H
#define BENCH_PEERS_PLAYER_H

#include <stdio.h>

#include "tests/bench/peers/scenes.h"

struct player;

/* Where pictures go. */
struct player_output {
    /* One rectangle of the sheet. */
    void (*put)(struct player *player, const struct area *area);
    /* Moves area up by lines on the screen itself; NULL where a screen cannot. */
    void (*move_up)(struct player *player, const struct area *area, int lines);
    /* Until the screen has taken what was put. */
    void (*sync)(struct player *player);
    /* Until when, or until a key went down (1) or the one who started it is gone (-1). */
    int (*wait)(struct player *player, int64_t when);
};

struct player {
    const struct scene_kind *kind;
    struct scene_state state;
    const struct player_output *output;
    FILE *log;
    const char *expected; /* the last frame goes to this file; or NULL */
    uint16_t base;        /* the number of frame 0 */
    int frames;
    int slower; /* percent that a frame's period is longer by */
    bool keys;  /* a frame for each key */
};

int64_t player_now_ns(void);
/* Draws frame 0 into the sheet. frames 0: as many as the scene has. */
void player_begin(struct player *player);
void player_end(struct player *player);
/* Puts the whole sheet. */
void player_put_all(struct player *player);
/* Shows everything that the scene will come back to, so that it was seen before. */
void player_warm(struct player *player);
/* From frame 1 to the last. */
void player_run(struct player *player);
/* The sheet as it is after the last frame, without showing any. */
void player_render(struct player *player);
/* The line that says what is played, for the bench. */
void player_describe(const struct player *player, FILE *out);

#endif
