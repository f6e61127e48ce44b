/* SPDX-License-Identifier: Apache-2.0 */
/* What the bench shows: pieces of desktop work, drawn into one sheet of 1280 x 720, one frame
 * at a time. type, flip and photo also fit into 1024 x 768, for which programs define the size. */
#ifndef BENCH_PEERS_SCENES_H
#define BENCH_PEERS_SCENES_H

#include "tests/bench/peers/paint.h"

#ifndef SCENE_WIDTH
#define SCENE_WIDTH  1280
#define SCENE_HEIGHT 720
#endif
#define SCENE_RECTS 8

struct area {
    int x, y, width, height;
};

/* What one frame changed, in the order in which it goes to the X server. */
struct change {
    size_t count;
    struct area areas[SCENE_RECTS];
    /* Before them: this area moves up by so many lines, which an X program would have the server
     * do. */
    struct area moved;
    int up;
};

struct scene_state;

struct scene_kind {
    const char *name;
    int rate_mhz;      /* frames per 1,000 s */
    int frames;        /* of a full run */
    struct area first; /* the markers' places: before and behind what changes; the same twice = one
                          marker */
    struct area last;
    /* Draws what is there before the first frame and prepares the material for that many frames. */
    void (*begin)(struct scene_state *state, int frames);
    /* Draws frame n (1, 2, ...) and says where. Markers are the caller's. */
    void (*step)(struct scene_state *state, int n, struct change *change);
    /* What goes on by itself at the scene's rate while keys make frames; or NULL. */
    void (*behind)(struct scene_state *state, int n, struct change *change);
    int warm;       /* so many first frames are shown before the scene begins */
    bool mark_last; /* only the last frame carries markers: others change nothing else */
};

struct scene_state {
    struct sheet *screen;
    struct sheet *stock[4];
    int frames;
};

/* office, which has a file of its own. */
void scene_office_begin(struct scene_state *state, int frames);
void scene_office_step(struct scene_state *state, int n, struct change *change);

/* alttab and slides, which have one too. */
void scene_alttab_begin(struct scene_state *state, int frames);
void scene_alttab_step(struct scene_state *state, int n, struct change *change);
void scene_slides_begin(struct scene_state *state, int frames);
void scene_slides_step(struct scene_state *state, int n, struct change *change);

/* The two windows of office. */
struct sheet *scene_office_cells(void);
struct sheet *scene_office_letter(void);

/* NULL: no such scene. */
const struct scene_kind *scene_kind_find(const char *name);
/* Their names, until NULL. */
const char *scene_kind_name(size_t index);
/* The scene's place in the list. */
size_t scene_kind_index(const struct scene_kind *kind);

#endif
