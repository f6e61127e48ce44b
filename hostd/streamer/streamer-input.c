/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/streamer-private.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"

#define TYPED_MESSAGE 32u  /* bytes that a text counts for beyond its own */
#define TYPED_BYTES_S 8192 /* of text to the guest; a burst may be as large */

/* Input. Only the active stream's counts, and only while there is a machine. */

static bool
may_input(const struct streamer *streamer, const struct streamer_stream *stream)
{
    return stream == streamer->active && streamer->capture != NULL;
}

void
streamer_input_key(struct streamer_stream *stream, const struct vdp_key *key, void *user_data)
{
    struct streamer *streamer = user_data;

    if (may_input(streamer, stream)) {
        capture_key(streamer->capture, key->serial, key->code, key->down != 0);
        streamer_pump_input(streamer->pump);
    }
}

void
streamer_input_pointer(struct streamer_stream *stream, const struct vdp_pointer *pointer,
                       void *user_data)
{
    struct streamer *streamer = user_data;

    if (may_input(streamer, stream)) {
        capture_pointer(streamer->capture, pointer->serial, pointer->x, pointer->y);
        streamer_pump_touched(streamer->pump);
    }
}

void
streamer_input_button(struct streamer_stream *stream, const struct vdp_button *button,
                      void *user_data)
{
    struct streamer *streamer = user_data;

    if (may_input(streamer, stream)) {
        capture_button(streamer->capture, button->serial, button->button, button->down != 0);
        streamer_pump_input(streamer->pump);
    }
}

/* False when there is one and nobody to be told. */
static bool
send_point(struct streamer *streamer)
{
    uint16_t x, y;

    if (!streamer_motion_take_point(&streamer->motion, &x, &y) ||
        streamer->events->pointed(x, y, streamer->user_data)) {
        return true;
    }
    (void)streamer_motion_done(&streamer->motion);
    return false;
}

bool
streamer_input_point(uint16_t x, uint16_t y, void *user_data)
{
    struct streamer *streamer = user_data;

    streamer_motion_point(&streamer->motion, x, y);
    return send_point(streamer);
}

/* One at a time: the machine's monitor is shared with what keeps the machine. */
static void
pass_motion(struct streamer *streamer)
{
    int dx, dy;

    if (streamer_motion_take(&streamer->motion, &dx, &dy) &&
        !streamer->events->moved(dx, dy, streamer->user_data)) {
        (void)streamer_motion_done(&streamer->motion);
    }
}

void
streamer_moved(struct streamer *streamer)
{
    bool pointed = streamer_motion_done(&streamer->motion);

    if (pointed && streamer->capture != NULL) {
        capture_pointed(streamer->capture);
    }
    if (!send_point(streamer) && streamer->capture != NULL) {
        capture_pointed(streamer->capture);
    }
    pass_motion(streamer);
}

void
streamer_input_motion(struct streamer_stream *stream, const struct vdp_motion *motion,
                      void *user_data)
{
    struct streamer *streamer = user_data;

    if (!may_input(streamer, stream)) {
        return;
    }
    streamer_pump_touched(streamer->pump);
    if (!capture_motion(streamer->capture, motion->serial, motion->dx, motion->dy)) {
        streamer_motion_add(&streamer->motion, motion->dx, motion->dy);
        pass_motion(streamer);
    }
}

void
streamer_input_wheel(struct streamer_stream *stream, const struct vdp_wheel *wheel, void *user_data)
{
    struct streamer *streamer = user_data;

    if (may_input(streamer, stream)) {
        capture_wheel(streamer->capture, wheel->serial, wheel->dx, wheel->dy);
        streamer_pump_input(streamer->pump);
    }
}

void
streamer_input_release_all(struct streamer_stream *stream, void *user_data)
{
    struct streamer *streamer = user_data;

    if (may_input(streamer, stream)) {
        capture_release_all(streamer->capture);
    }
}

/* Passes the wish on, now or when the interval is over; the last wish wins. */
void
streamer_input_follow(struct streamer *streamer)
{
    int64_t due_us;

    /* Without a machine the wish waits for the next one. */
    if (streamer->capture == NULL) {
        return;
    }
    if (streamer_wish_take(&streamer->wish, vd_monotonic_us(), &due_us)) {
        if (streamer->wish.count > 1) {
            streamer->events->placed(streamer->wish.areas, streamer->wish.count,
                                     streamer->user_data);
        }
        capture_set_monitors(streamer->capture, streamer->wish.areas, streamer->wish.count);
    } else if (due_us > 0) {
        g_source_set_ready_time(streamer->timer, due_us);
    }
}

void
streamer_input_locks(struct streamer_stream *stream, const struct vdp_locks *locks, void *user_data)
{
    struct streamer *streamer = user_data;

    if (may_input(streamer, stream)) {
        capture_locks(streamer->capture, locks->serial, locks->locks);
    }
}

/* Text goes to the agent inside the guest, not to its keyboard: no key says 한. */
void
streamer_input_text(struct streamer_stream *stream, const struct vdp_text *text, void *user_data)
{
    struct streamer *streamer = user_data;
    int64_t now_us = vd_monotonic_us();
    int64_t filled = (now_us - streamer->typed_us) * TYPED_BYTES_S / G_USEC_PER_SEC;
    uint32_t cost = (uint32_t)text->size + TYPED_MESSAGE;

    if (!may_input(streamer, stream)) {
        return;
    }
    streamer->typed_us = now_us;
    streamer->typed_room = (uint32_t)MIN(streamer->typed_room + filled, TYPED_BYTES_S);
    if (cost > streamer->typed_room) {
        if (!streamer->typed_much) {
            vd_warning("streamer", "more text than anybody types, dropping what is too much");
        }
        streamer->typed_much = true;
        return;
    }
    streamer->typed_much = false;
    streamer->typed_room -= cost;
    streamer->events->typed(text->text, text->size, streamer->user_data);
}

static void
wish_for(struct streamer *streamer, const struct vdp_monitors *monitors)
{
    streamer_wish_for(&streamer->wish, monitors);
    streamer_input_follow(streamer);
}

void
streamer_input_set_size(struct streamer_stream *stream, const struct vdp_set_size *size,
                        void *user_data)
{
    struct streamer *streamer = user_data;

    if (stream == streamer->active) {
        wish_for(streamer,
                 &(struct vdp_monitors){1, {{0, 0, size->width, size->height, size->scale}}});
    }
}

void
streamer_input_monitors(struct streamer_stream *stream, const struct vdp_monitors *monitors,
                        void *user_data)
{
    struct streamer *streamer = user_data;

    if (stream == streamer->active) {
        wish_for(streamer, monitors);
    }
}

uint8_t
streamer_input_most_monitors(void *user_data)
{
    return (uint8_t)((struct streamer *)user_data)->wish.most;
}
