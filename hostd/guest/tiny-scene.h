/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_TINY_SCENE_H
#define VEDETTE_GUEST_TINY_SCENE_H

/*
 * scene: what the test guest shows. A function of the screen's size, the boot's id and the input so
 * far, and of nothing else: no clock, no animation. Tests may compute what they expect to see.
 *
 * Background: pixel (x, y) is red = x * 255 / (width - 1), green = y * 255 / (height - 1), blue
 * = 96. Over it, from (32, 32), a panel with five status lines and a box that echoes typed text;
 * along the right edge six tiles of 64 x 64 pixels: red, green, blue, one-pixel checkers, one-pixel
 * stripes, noise. That is the first monitor. Monitor 2, 3 or 4 has 48 more blue for each before it,
 * a panel with its number, mode and place and what was clicked last, and a square of five pixels
 * around that.
 */

#include "hostd/guest/tiny-canvas.h"

#define SCENE_COLUMNS 48
#define SCENE_STATUS  5
#define SCENE_LINES   14 /* of echoed text */
#define SCENE_SIDES   3  /* monitors beside the first one */
#define SCENE_SIDE    3  /* status lines of one of them */
#define SCENE_MARK    0xff00ffu
#define SCENE_REACH   2 /* pixels from what was clicked to the edge of its square */

struct scene_side {
    struct canvas canvas;
    unsigned clicks;
    int click_x, click_y;                      /* in its pixels */
    char drawn[SCENE_SIDE][SCENE_COLUMNS + 1]; /* as drawn */
};

struct scene {
    struct canvas canvas;                 /* of the first monitor */
    struct scene_side sides[SCENE_SIDES]; /* of the others */
    struct rect places[1 + SCENE_SIDES];  /* of all, on the desktop; width 0: dark */
    int width, height;                    /* of the desktop */
    uint32_t id;                          /* random, new at each boot */
    char user[33];                        /* who is signed in, "": nobody */
    int pointer_x, pointer_y;             /* pixels of the desktop */
    unsigned buttons;                     /* bit 0 left, 1 middle, 2 right */
    int wheel, wheel_sideways;
    unsigned keys, down, last_key; /* presses so far, keys held now, code of the last press */
    char status[SCENE_STATUS][SCENE_COLUMNS + 1]; /* as drawn */
    char text[SCENE_LINES][SCENE_COLUMNS + 1];
    char drawn[SCENE_LINES][SCENE_COLUMNS + 1];
    int line, column; /* where the next character goes */
};

/*
 * Takes the monitors to these places, one for each, and draws those anew whose size is another;
 * input so far is kept. Where two would overlap all stand in a row; the desktop begins at 0, 0.
 */
bool scene_arrange(struct scene *scene, const struct rect *places);
/* The picture of a monitor, 0 the first one. */
struct canvas *scene_canvas(struct scene *scene, int monitor);
/* The pointer's left button goes down. */
void scene_click(struct scene *scene);

/* Brings the status lines and the echoed text up to date; only cells that differ are drawn. */
void scene_update(struct scene *scene);

/* Echoes one character: printable ASCII, '\n', '\b' or '\t'. */
void scene_type(struct scene *scene, char c);

/* The character of a key on a US keyboard, or 0. */
char keys_char(unsigned code, bool shift, bool caps);

#endif
