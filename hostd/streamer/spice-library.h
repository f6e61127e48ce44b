/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_SPICE_LIBRARY_H
#define STREAMER_SPICE_LIBRARY_H

/*
 * spice-library: spice-glib, loaded when the first machine needs it. Part of capture-spice.
 *
 * It brings sixty libraries along: linked, every streamer would start 26 ms later and be 8 MiB
 * larger although hardly any machine speaks SPICE.
 */

#include <spice-client.h>

struct spice_library {
    __typeof__(spice_session_new) *session_new;
    __typeof__(spice_session_open_fd) *session_open_fd;
    __typeof__(spice_session_disconnect) *session_disconnect;
    __typeof__(spice_channel_open_fd) *channel_open_fd;
    __typeof__(spice_channel_connect) *channel_connect;
    __typeof__(spice_main_channel_request_mouse_mode) *main_channel_request_mouse_mode;
    __typeof__(spice_main_channel_update_display) *main_channel_update_display;
    __typeof__(spice_main_channel_update_display_enabled) *main_channel_update_display_enabled;
    __typeof__(spice_display_channel_get_primary) *display_channel_get_primary;
    __typeof__(spice_cursor_shape_get_type) *cursor_shape_get_type;
    __typeof__(spice_inputs_channel_key_press) *inputs_channel_key_press;
    __typeof__(spice_inputs_channel_key_release) *inputs_channel_key_release;
    __typeof__(spice_inputs_channel_position) *inputs_channel_position;
    __typeof__(spice_inputs_channel_button_press) *inputs_channel_button_press;
    __typeof__(spice_inputs_channel_button_release) *inputs_channel_button_release;
};

/* NULL and a line in the log when it is not installed. Stays loaded. Main thread. */
const struct spice_library *spice_library_load(void);

#endif
