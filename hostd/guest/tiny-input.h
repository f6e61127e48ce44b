/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_TINY_INPUT_H
#define VEDETTE_GUEST_TINY_INPUT_H

/* input: every evdev device of the guest, turned into changes of the scene. */

#include "hostd/guest/tiny-scene.h"

#define INPUT_MAX_DEVICES 16

struct input_device {
    char name[16]; /* "event3" */
    int fd;
    int min_x, max_x, min_y, max_y; /* of an absolute pointer; max 0 when there is none */
};

struct input {
    struct input_device devices[INPUT_MAX_DEVICES];
    int count;
    uint8_t held[768 / 8]; /* keys that are down, by code */
    bool shift_left, shift_right, caps, control;
    bool power; /* the power button was pressed */
};

/* Opens devices that are not open yet. */
void input_scan(struct input *input);

/* Takes all that waits on one device; a device that is gone is closed and dropped. */
void input_take(struct input *input, struct input_device *device, struct scene *scene);

#endif
