/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_CAPTURE_H
#define STREAMER_CAPTURE_H

/*
 * capture: where the picture comes from and where input goes to, whatever the machine is.
 *
 * A back end (capture-dbus, capture-replay) writes the screen, its size and the cursor into the
 * shadow, from any thread, and takes input. What is common to all back ends lives here: which keys
 * and buttons are down, the fractions of a wheel notch, and getting events to the owner.
 *
 * All functions except capture_lost() and capture_delivered() belong to the thread that called
 * capture_new(); events come in the thread-default main context of that thread, never from inside a
 * call and never after capture_free() returned.
 */

#include <stdbool.h>
#include <stdint.h>

#include "hostd/streamer/shadow.h"

struct capture;

/* Called by capture.c only; serial names the input for capture_delivered(). */
struct capture_backend {
    const char *name;
    void (*free)(void *state);
    /* Wishes for a size; the machine answers with a mode, or not at all. May be NULL. */
    void (*set_size)(void *state, uint16_t width, uint16_t height);
    /* The same for several monitors, 1 to VDP_MAX_MONITORS, in place of set_size. May be NULL. */
    void (*set_monitors)(void *state, const struct vdp_area *areas, unsigned count);
    void (*key)(void *state, uint32_t serial, uint16_t code, bool down); /* evdev code */
    void (*pointer)(void *state, uint32_t serial, uint16_t x, uint16_t y);
    void (*pointed)(void *state); /* after capture_point(). May be NULL */
    void (*button)(void *state, uint32_t serial, uint8_t button, bool down); /* as in messages.h */
    /* How far the mouse went, for a back end that has a road for it; NULL: the owner needs one. */
    void (*motion)(void *state, uint32_t serial, int dx, int dy);
    /* Whole notches, positive right and down. */
    void (*wheel)(void *state, uint32_t serial, int notches_x, int notches_y);
    /* Somebody looks at the picture, or nobody does. May be NULL. */
    void (*pace)(void *state, bool watched);
};

struct capture_events {
    void (*changed)(void *user_data); /* mode, damage or cursor: look at the shadow */
    /* The picture will not change any more; only capture_free() makes sense. */
    void (*lost)(const char *text, void *user_data);
    /*
     * The pointer is to be put where both axes, 0 to 32767, say, by a road of the owner's, who says
     * capture_pointed() when it is there; not from inside this call, which comes from inside
     * capture_pointer(). False when there is no such road. May be NULL.
     */
    bool (*point)(uint16_t x, uint16_t y, void *user_data);
};

#define CAPTURE_MAX_KEY    255u /* evdev codes above are ignored: no keyboard has them */
#define CAPTURE_MAX_BUTTON 5u

/* events is borrowed. Takes ownership of state: free is called for it. Never NULL. */
struct capture *capture_new(const struct capture_events *events, void *user_data);
void capture_set_backend(struct capture *capture, const struct capture_backend *backend,
                         void *state);
void capture_free(struct capture *capture); /* accepts NULL */

/* Borrowed; take a reference to keep it longer than the capture. */
struct streamer_shadow *capture_shadow(struct capture *capture);

void capture_set_size(struct capture *capture, uint16_t width, uint16_t height);
/* 1 to VDP_MAX_MONITORS, placed as in MONITORS; a back end with one screen takes the first one's
 * size. */
void capture_set_monitors(struct capture *capture, const struct vdp_area *areas, unsigned count);
void capture_key(struct capture *capture, uint32_t serial, uint16_t code, bool down);
void capture_pointer(struct capture *capture, uint32_t serial, uint16_t x, uint16_t y);
void capture_button(struct capture *capture, uint32_t serial, uint8_t button, bool down);
/* What point() was told has arrived, or never will. */
void capture_pointed(struct capture *capture);
/* False when the back end has no road for relative motion: the owner may find another. */
bool capture_motion(struct capture *capture, uint32_t serial, int dx, int dy);
/* 1/120 notches; fractions are kept until they are a notch. */
void capture_wheel(struct capture *capture, uint32_t serial, int dx, int dy);
/*
 * Makes the guest's lock keys (enum vdp_lock) those of the client's keyboard, by pressing the ones
 * that differ. A guest that does not show its locks is believed to follow the keys it got.
 */
void capture_locks(struct capture *capture, uint32_t serial, uint8_t locks);
/* Lets go of every key and button that is down. */
void capture_release_all(struct capture *capture);
void capture_pace(struct capture *capture, bool watched);

/* Serial of the newest input that the machine has. Any thread. */
uint32_t capture_input_serial(struct capture *capture);

/* For back ends. */
void capture_delivered(struct capture *capture, uint32_t serial); /* any thread */
void capture_lost(struct capture *capture, const char *text);     /* any thread; first text wins */

/* See point() above. Owner's thread. */
bool capture_point(struct capture *capture, uint16_t x, uint16_t y);

/* The guest's lights show these locks. Owner's thread. */
void capture_guest_locks(struct capture *capture, uint8_t locks);

#endif
