/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISPLAY_FIXTURE_H
#define DISPLAY_FIXTURE_H

/*
 * display-fixture: a QEMU made of GDBus on the other end of a socket pair, as hostile as the test
 * wants it, and a capture that looks at it.
 */

#include <gio/gio.h>
#include <stdbool.h>

#include "hostd/streamer/capture-dbus.h"
#include "tests/unit/streamer-fixture.h"

#define DISPLAY_HEADS 2
#define CONSOLE_PATH  "/org/qemu/Display1/Console_0"
#define X8R8G8B8      0x20020888u

struct fixture {
    GDBusNodeInfo *info;
    GDBusConnection *bus;                      /* the fake's end */
    unsigned head;                             /* that what is shown is shown on */
    GDBusConnection *listeners[DISPLAY_HEADS]; /* the fake's ends of the newest ones */
    unsigned heads;                            /* consoles that there are */
    unsigned registrations;                    /* of head 0 */
    uint32_t width, height;                    /* of its console */
    bool placeholder;  /* a listener of head 1 gets QEMU's sentence, else 32 by 16 pixels */
    bool takes_points; /* the owner has a road for positions */
    bool silent;       /* never answers input */
    GString *calls;    /* what came, one word a call */
    unsigned call_count;
    struct capture *capture;
    struct streamer_picture picture;
    uint32_t cursor_seen;
    bool lost;
};

/* For g_test_add(); data is not NULL for a machine with two heads. */
void display_set_up(struct fixture *fixture, const void *data);
void display_tear_down(struct fixture *fixture, const void *data);

/* Waits for the first picture: 64 by 48 pixels of 0xff000001. */
void display_start(struct fixture *fixture);

/* Calls the newest listener of fixture->head; consumes a floating parameters. */
void display_show(struct fixture *fixture, const char *method, GVariant *parameters);
GVariant *display_solid(uint32_t pixel, size_t count);
void display_show_scanout(struct fixture *fixture, uint32_t width, uint32_t height, uint32_t pixel);
void display_show_update(struct fixture *fixture, int x, int y, int width, int height,
                         uint32_t pixel);
/* All of QEMU's picture of a head that is not lit. */
void display_show_sentence(struct fixture *fixture, uint32_t width, uint32_t height,
                           uint32_t colour);
/* Waits until everything that was shown before has been looked at. */
void display_settle(struct fixture *fixture);

void display_take_picture(struct fixture *fixture);
uint32_t display_pixel_at(struct fixture *fixture, unsigned x, unsigned y);
/* Waits for a picture of this size with this pixel. */
void display_expect(struct fixture *fixture, uint16_t width, uint16_t height, unsigned x,
                    unsigned y, uint32_t pixel);
/* For fixture_wait(). */
bool display_is_lost(void *fixture);
bool display_has_cursor(void *fixture); /* one that was not seen before */

#endif
