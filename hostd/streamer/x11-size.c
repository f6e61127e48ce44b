/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/x11-size.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/randr.h>

#include "protocol/base/log.h"

#define REFRESH_HZ      60u
#define MM_PER_INCH_X10 254u
#define DPI             96u

struct target {
    xcb_randr_output_t output;
    xcb_randr_crtc_t crtc;
    xcb_randr_mode_t mode; /* 0: none of that size */
};

static uint32_t
millimetres(uint16_t pixels)
{
    return (uint32_t)pixels * MM_PER_INCH_X10 / (DPI * 10u);
}

static xcb_randr_mode_t
find_mode(const xcb_randr_get_screen_resources_current_reply_t *resources,
          const xcb_randr_get_output_info_reply_t *info, uint16_t width, uint16_t height)
{
    const xcb_randr_mode_t *modes = xcb_randr_get_output_info_modes(info);
    int count = xcb_randr_get_output_info_modes_length(info);
    xcb_randr_mode_info_iterator_t all =
        xcb_randr_get_screen_resources_current_modes_iterator(resources);
    int i;

    for (; all.rem > 0; xcb_randr_mode_info_next(&all)) {
        for (i = 0; i < count; i++) {
            if (modes[i] == all.data->id && all.data->width == width &&
                all.data->height == height) {
                return modes[i];
            }
        }
    }
    return 0;
}

/* The first output that shows something. */
static bool
find_target(xcb_connection_t *connection,
            const xcb_randr_get_screen_resources_current_reply_t *resources, uint16_t width,
            uint16_t height, struct target *ret_target)
{
    const xcb_randr_output_t *outputs = xcb_randr_get_screen_resources_current_outputs(resources);
    int count = xcb_randr_get_screen_resources_current_outputs_length(resources);
    int i;

    for (i = 0; i < count; i++) {
        xcb_randr_get_output_info_reply_t *info = xcb_randr_get_output_info_reply(
            connection,
            xcb_randr_get_output_info(connection, outputs[i], resources->config_timestamp), NULL);
        bool found = info != NULL && info->crtc != 0;

        if (found) {
            ret_target->output = outputs[i];
            ret_target->crtc = info->crtc;
            ret_target->mode = find_mode(resources, info, width, height);
        }
        free(info);
        if (found) {
            return true;
        }
    }
    return false;
}

/* The timings mean nothing to a server without a monitor, but some compute a rate from them. */
static xcb_randr_mode_t
make_mode(xcb_connection_t *connection, xcb_window_t root, xcb_randr_output_t output,
          uint16_t width, uint16_t height)
{
    xcb_randr_mode_info_t info = {.width = width,
                                  .height = height,
                                  .dot_clock = (uint32_t)width * height * REFRESH_HZ,
                                  .hsync_start = width,
                                  .hsync_end = width,
                                  .htotal = width,
                                  .vsync_start = height,
                                  .vsync_end = height,
                                  .vtotal = height};
    char name[32];
    xcb_randr_create_mode_reply_t *reply;
    xcb_randr_mode_t mode = 0;

    g_snprintf(name, sizeof(name), "vedette-%ux%u", width, height);
    info.name_len = (uint16_t)strlen(name);
    reply = xcb_randr_create_mode_reply(
        connection, xcb_randr_create_mode(connection, root, info, info.name_len, name), NULL);
    if (reply != NULL) {
        mode = reply->mode;
        xcb_randr_add_output_mode(connection, output, mode);
    }
    free(reply);
    return mode;
}

/* The picture has to be at least as large as what a crtc shows of it, before and after. */
static bool
switch_mode(xcb_connection_t *connection, xcb_window_t root, const struct target *target,
            uint16_t width, uint16_t height)
{
    xcb_randr_set_crtc_config_reply_t *reply;
    bool good;

    free(xcb_randr_set_crtc_config_reply(
        connection,
        xcb_randr_set_crtc_config(connection, target->crtc, XCB_CURRENT_TIME, XCB_CURRENT_TIME, 0,
                                  0, 0, XCB_RANDR_ROTATION_ROTATE_0, 0, NULL),
        NULL));
    xcb_randr_set_screen_size(connection, root, width, height, millimetres(width),
                              millimetres(height));
    reply = xcb_randr_set_crtc_config_reply(
        connection,
        xcb_randr_set_crtc_config(connection, target->crtc, XCB_CURRENT_TIME, XCB_CURRENT_TIME, 0,
                                  0, target->mode, XCB_RANDR_ROTATION_ROTATE_0, 1, &target->output),
        NULL);
    good = reply != NULL && reply->status == XCB_RANDR_SET_CONFIG_SUCCESS;
    free(reply);
    return good;
}

bool
x11_size_set(xcb_connection_t *connection, xcb_window_t root, uint16_t width, uint16_t height)
{
    xcb_randr_get_screen_resources_current_reply_t *resources = NULL;
    xcb_randr_get_screen_size_range_reply_t *range = xcb_randr_get_screen_size_range_reply(
        connection, xcb_randr_get_screen_size_range(connection, root), NULL);
    struct target target = {0};
    bool good = false;

    if (range != NULL) {
        width = CLAMP(width, range->min_width, range->max_width);
        height = CLAMP(height, range->min_height, range->max_height);
        resources = xcb_randr_get_screen_resources_current_reply(
            connection, xcb_randr_get_screen_resources_current(connection, root), NULL);
    }
    if (resources != NULL && find_target(connection, resources, width, height, &target)) {
        if (target.mode == 0) {
            target.mode = make_mode(connection, root, target.output, width, height);
        }
        good = target.mode != 0 && switch_mode(connection, root, &target, width, height);
    }
    if (!good) {
        vd_debug("x11-size", "the X server does not take %ux%u", width, height);
    }
    free(resources);
    free(range);
    return good;
}
