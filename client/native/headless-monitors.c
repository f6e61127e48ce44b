/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/headless-private.h"

#include <stdio.h>
#include <string.h>

#include "client/native/png.h"
#include "protocol/base/clock.h"

#define SCALE   120
#define WAIT_MS 60000

/* WxH+X+Y, as X11 writes it. */
static bool
monitor_parse(const char *word, struct vdp_monitor *ret_monitor)
{
    unsigned width, height, x, y;
    int end = 0;

    if (strspn(word, "0123456789x+") != strlen(word) ||
        sscanf(word, "%5ux%5u+%5u+%5u%n", &width, &height, &x, &y, &end) != 4 ||
        word[end] != '\0' || MAX(MAX(width, height), MAX(x, y)) > UINT16_MAX)
        return false;
    *ret_monitor =
        (struct vdp_monitor){(uint16_t)x, (uint16_t)y, (uint16_t)width, (uint16_t)height, SCALE};
    return true;
}

static bool
monitors_parse(char **words, unsigned count, struct vdp_monitors *ret_monitors)
{
    unsigned i;

    *ret_monitors = (struct vdp_monitors){.count = (uint8_t)count};
    for (i = 0; i < count; i++)
        if (!monitor_parse(words[i], &ret_monitors->at[i]))
            return false;
    return true;
}

/* Without words: what is which monitor, and how many there can be. */
static void
monitors_show(struct headless *headless)
{
    const struct client_stream *stream = client_session_stream(headless->session);
    json_t *list = json_array();
    unsigned i;

    for (i = 0; stream && i < client_stream_layout(stream)->count; i++) {
        const struct vdp_area *is = &client_stream_layout(stream)->at[i];

        json_array_append_new(list, json_pack("{s:i, s:i, s:i, s:i}", "x", is->x, "y", is->y,
                                              "width", is->width, "height", is->height));
    }
    script_answer(headless, json_pack("{s:b, s:i, s:o}", "ok", 1, "most",
                                      stream ? (int)client_stream_most_monitors(stream) : 0,
                                      "monitors", list));
}

void
command_monitors(struct headless *headless, char **words, unsigned count)
{
    struct vdp_monitors monitors;

    if (count == 0) {
        monitors_show(headless);
        return;
    }
    if (!monitors_parse(words, count, &monitors)) {
        script_fail(headless, "not WxH+X+Y");
        return;
    }
    headless->input_us = vd_monotonic_us();
    if (client_session_set_monitors(headless->session, &monitors))
        script_ok(headless);
    else
        script_fail(headless, "they overlap, begin beyond 0, or are too large");
}

void
command_wait_monitors(struct headless *headless, char **words, unsigned count)
{
    if (!monitors_parse(words, count, &headless->wait_monitors)) {
        script_fail(headless, "not WxH+X+Y");
        return;
    }
    headless_wait_start(headless, HEADLESS_WAIT_MONITORS, WAIT_MS, script_waited);
}

/* What one monitor shows, as a window of its own would. */
void
command_dump_monitor(struct headless *headless, char **words, unsigned count)
{
    const struct client_stream *stream = client_session_stream(headless->session);
    const struct client_cells *cells = client_session_cells(headless->session);
    const struct vdp_area *area;
    struct vdp_image image;
    g_autofree uint8_t *pixels = NULL;
    g_autoptr(GError) error = NULL;
    uint64_t number;

    (void)count;
    if (!g_ascii_string_to_unsigned(words[0], 10, 1, VDP_MAX_MONITORS, &number, NULL)) {
        script_fail(headless, "bad number");
        return;
    }
    if (!stream || number > client_stream_layout(stream)->count) {
        script_fail(headless, "no such monitor");
        return;
    }
    area = &client_stream_layout(stream)->at[number - 1];
    if (area->width == 0 || area->x + area->width > (int)cells->width ||
        area->y + area->height > (int)cells->height) {
        script_fail(headless, "it shows nothing yet");
        return;
    }
    pixels = client_cells_copy(cells, &image);
    image.pixels += area->y * image.stride + (size_t)area->x * 4;
    image.width = area->width;
    image.height = area->height;
    if (client_png_write_image(words[1], &image, &error))
        script_ok(headless);
    else
        script_fail(headless, error->message);
}
