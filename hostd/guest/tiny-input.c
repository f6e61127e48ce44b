/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/tiny-input.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/input.h>

static bool
known(const struct input *input, const char *name)
{
    for (int i = 0; i < input->count; i++) {
        if (strcmp(input->devices[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void
open_device(struct input *input, const char *name)
{
    struct input_device *device = &input->devices[input->count];
    struct input_absinfo x = {0}, y = {0};
    char path[512];

    snprintf(path, sizeof(path), "/dev/input/%s", name);
    *device = (struct input_device){.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
    if (device->fd == -1) {
        return;
    }
    memcpy(device->name, name, strlen(name) + 1);
    if (ioctl(device->fd, EVIOCGABS(ABS_X), &x) == 0 &&
        ioctl(device->fd, EVIOCGABS(ABS_Y), &y) == 0) {
        device->min_x = x.minimum;
        device->max_x = x.maximum;
        device->min_y = y.minimum;
        device->max_y = y.maximum;
    }
    input->count++;
}

void
input_scan(struct input *input)
{
    DIR *dir = opendir("/dev/input");
    struct dirent *entry;

    if (dir == NULL) {
        return;
    }
    while (input->count < INPUT_MAX_DEVICES && (entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, "event", 5) == 0 &&
            strlen(entry->d_name) < sizeof(input->devices[0].name) &&
            !known(input, entry->d_name)) {
            open_device(input, entry->d_name);
        }
    }
    closedir(dir);
}

static int
scale(int value, int min, int max, int pixels)
{
    int64_t at = max > min ? (int64_t)(value - min) * (pixels - 1) : 0;
    int64_t span = max > min ? max - min : 1;

    at = (at + span / 2) / span;
    return at < 0 ? 0 : at >= pixels ? pixels - 1 : (int)at;
}

static int
clamp(int value, int pixels)
{
    return value < 0 ? 0 : value >= pixels ? pixels - 1 : value;
}

static void
take_modifier(struct input *input, unsigned code, bool down)
{
    switch (code) {
    case KEY_LEFTSHIFT:
        input->shift_left = down;
        break;
    case KEY_RIGHTSHIFT:
        input->shift_right = down;
        break;
    case KEY_LEFTCTRL:
    case KEY_RIGHTCTRL:
        input->control = down;
        break;
    case KEY_CAPSLOCK:
        input->caps = down ? !input->caps : input->caps;
        break;
    case KEY_POWER:
        input->power = input->power || down;
        break;
    default:
        break;
    }
}

/* Repeats are left out: how many there are depends on the host's speed, and tests compare pictures.
 */
static void
take_key(struct input *input, struct scene *scene, unsigned code, int value)
{
    static const unsigned buttons[] = {BTN_LEFT, BTN_MIDDLE, BTN_RIGHT};
    uint8_t bit = (uint8_t)(1u << (code & 7));
    char c;

    for (unsigned i = 0; i < 3; i++) {
        if (code == buttons[i]) {
            scene->buttons = (scene->buttons & ~(1u << i)) | (value != 0 ? 1u << i : 0);
            if (i == 0 && value == 1) {
                scene_click(scene);
            }
            return;
        }
    }
    if (value == 2 || code / 8 >= sizeof(input->held) || (code >= BTN_MISC && code < KEY_OK)) {
        return;
    }
    if ((value != 0) == ((input->held[code / 8] & bit) != 0)) {
        return;
    }
    input->held[code / 8] ^= bit;
    take_modifier(input, code, value != 0);
    if (value == 0) {
        scene->down--;
        return;
    }
    scene->down++;
    scene->keys++;
    scene->last_key = code;
    c = input->control ? 0 : keys_char(code, input->shift_left || input->shift_right, input->caps);
    if (c != 0) {
        scene_type(scene, c);
    }
}

static void
take_event(struct input *input, const struct input_device *device, struct scene *scene,
           const struct input_event *event)
{
    int width = scene->width, height = scene->height;

    if (event->type == EV_KEY) {
        take_key(input, scene, event->code, event->value);
    } else if (event->type == EV_ABS && event->code == ABS_X) {
        scene->pointer_x = scale(event->value, device->min_x, device->max_x, width);
    } else if (event->type == EV_ABS && event->code == ABS_Y) {
        scene->pointer_y = scale(event->value, device->min_y, device->max_y, height);
    } else if (event->type == EV_REL && event->code == REL_X) {
        scene->pointer_x = clamp(scene->pointer_x + event->value, width);
    } else if (event->type == EV_REL && event->code == REL_Y) {
        scene->pointer_y = clamp(scene->pointer_y + event->value, height);
    } else if (event->type == EV_REL && event->code == REL_WHEEL) {
        scene->wheel += event->value;
    } else if (event->type == EV_REL && event->code == REL_HWHEEL) {
        scene->wheel_sideways += event->value;
    }
}

void
input_take(struct input *input, struct input_device *device, struct scene *scene)
{
    struct input_event events[64];
    ssize_t n;

    while ((n = read(device->fd, events, sizeof(events))) > 0) {
        for (size_t i = 0; i < (size_t)n / sizeof(events[0]); i++) {
            take_event(input, device, scene, &events[i]);
        }
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        close(device->fd);
        *device = input->devices[--input->count];
    }
}
