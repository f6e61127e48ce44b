/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/headless-private.h"

#include "protocol/base/clock.h"

void
headless_wait_stop(struct headless *headless)
{
    headless->wait = HEADLESS_WAIT_NONE;
    g_clear_handle_id(&headless->wait_timer, g_source_remove);
    g_clear_handle_id(&headless->quiet_timer, g_source_remove);
}

static void
wait_finish(struct headless *headless, const char *failure)
{
    headless_wait_stop(headless);
    headless->waited(headless, failure);
}

static gboolean
wait_timed_out(void *user_data)
{
    struct headless *headless = user_data;

    headless->wait_timer = 0;
    wait_finish(headless, "timeout");
    return G_SOURCE_REMOVE;
}

static gboolean
wait_quiet(void *user_data)
{
    struct headless *headless = user_data;

    headless->quiet_timer = 0;
    headless_wait_check(headless);
    return G_SOURCE_REMOVE;
}

/* Quiet counts from the last frame or the last input, whichever is later. */
static void
wait_check_settled(struct headless *headless)
{
    int64_t since_us = MAX(headless->frame_us, headless->input_us);
    int64_t quiet_ms = (vd_monotonic_us() - since_us) / 1000;

    g_clear_handle_id(&headless->quiet_timer, g_source_remove);
    if (headless->frame_us == 0 || !headless->settled)
        return;
    if (quiet_ms >= headless->wait_quiet_ms) {
        wait_finish(headless, NULL);
        return;
    }
    headless->quiet_timer =
        g_timeout_add((guint)(headless->wait_quiet_ms - quiet_ms) + 1, wait_quiet, headless);
}

static void
wait_check_size(struct headless *headless)
{
    const struct client_cells *cells = client_session_cells(headless->session);

    if (cells->width == headless->wait_width && cells->height == headless->wait_height &&
        headless->frame_us > 0)
        wait_finish(headless, NULL);
}

/* The picture has these monitors at these places and no others. */
static void
wait_check_monitors(struct headless *headless)
{
    const struct client_stream *stream = client_session_stream(headless->session);
    const struct client_cells *cells = client_session_cells(headless->session);
    const struct vdp_monitors *wanted = &headless->wait_monitors;
    unsigned right = 0;
    unsigned bottom = 0;
    unsigned i;

    if (!stream || headless->frame_us == 0 || client_stream_layout(stream)->count != wanted->count)
        return;
    for (i = 0; i < wanted->count; i++) {
        const struct vdp_area *is = &client_stream_layout(stream)->at[i];

        if (is->x != wanted->at[i].x || is->y != wanted->at[i].y ||
            is->width != wanted->at[i].width || is->height != wanted->at[i].height)
            return;
        right = MAX(right, (unsigned)is->x + is->width);
        bottom = MAX(bottom, (unsigned)is->y + is->height);
    }
    if (cells->width == right && cells->height == bottom)
        wait_finish(headless, NULL);
}

/* A frame that was captured after the guest had the input, and that shows something new. */
static void
wait_check_echo(struct headless *headless)
{
    if (headless->frame_us > headless->input_us && headless->frame_changed &&
        (int32_t)(headless->frame_serial - headless->wait_serial) >= 0)
        wait_finish(headless, NULL);
}

void
headless_wait_check(struct headless *headless)
{
    struct client_session_status status;

    if (headless->wait == HEADLESS_WAIT_NONE || !headless->session)
        return;
    status = client_session_status(headless->session);
    if (status.state == CLIENT_STATE_ENDED) {
        wait_finish(headless,
                    headless->wait == HEADLESS_WAIT_END ? NULL : client_end_name(status.end));
        return;
    }
    switch (headless->wait) {
    case HEADLESS_WAIT_LIVE:
        if (status.state == CLIENT_STATE_LIVE && headless->frame_us > 0)
            wait_finish(headless, NULL);
        return;
    case HEADLESS_WAIT_SETTLED:
        wait_check_settled(headless);
        return;
    case HEADLESS_WAIT_SIZE:
        wait_check_size(headless);
        return;
    case HEADLESS_WAIT_MONITORS:
        wait_check_monitors(headless);
        return;
    case HEADLESS_WAIT_ECHO:
        wait_check_echo(headless);
        return;
    case HEADLESS_WAIT_END:
    case HEADLESS_WAIT_NONE:
        return;
    }
}

void
headless_wait_start(struct headless *headless, enum headless_wait wait, unsigned timeout_ms,
                    void (*waited)(struct headless *headless, const char *failure))
{
    headless_wait_stop(headless);
    headless->wait = wait;
    headless->waited = waited;
    headless->wait_timer = g_timeout_add(timeout_ms, wait_timed_out, headless);
    headless_wait_check(headless);
}
