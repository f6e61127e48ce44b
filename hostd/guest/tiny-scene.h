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
 * stripes, noise.
 */

#include "hostd/guest/tiny-canvas.h"

#define SCENE_COLUMNS 48
#define SCENE_STATUS  5
#define SCENE_LINES   14 /* of echoed text */

struct scene {
    struct canvas canvas;
    uint32_t id;              /* random, new at each boot */
    char user[33];            /* who is signed in, "": nobody */
    int pointer_x, pointer_y; /* pixels */
    unsigned buttons;         /* bit 0 left, 1 middle, 2 right */
    int wheel, wheel_sideways;
    unsigned keys, down, last_key; /* presses so far, keys held now, code of the last press */
    char status[SCENE_STATUS][SCENE_COLUMNS + 1]; /* as drawn */
    char text[SCENE_LINES][SCENE_COLUMNS + 1];
    char drawn[SCENE_LINES][SCENE_COLUMNS + 1];
    int line, column; /* where the next character goes */
};

/* Draws everything anew for a screen of this size; input so far is kept. */
bool scene_resize(struct scene *scene, int width, int height);

/* Brings the status lines and the echoed text up to date; only cells that differ are drawn. */
void scene_update(struct scene *scene);

/* Echoes one character: printable ASCII, '\n', '\b' or '\t'. */
void scene_type(struct scene *scene, char c);

/* The character of a key on a US keyboard, or 0. */
char keys_char(unsigned code, bool shift, bool caps);

#endif
