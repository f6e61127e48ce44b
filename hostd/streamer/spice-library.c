/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/spice-library.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "protocol/base/log.h"

#define FILE_NAME "libspice-client-glib-2.0.so.8"
#define SYMBOL(member)                                                                             \
    {                                                                                              \
        offsetof(struct spice_library, member), "spice_" #member                                   \
    }

static const struct {
    size_t offset;
    const char *name;
} symbols[] = {
    SYMBOL(session_new),
    SYMBOL(session_open_fd),
    SYMBOL(session_disconnect),
    SYMBOL(channel_open_fd),
    SYMBOL(channel_connect),
    SYMBOL(main_channel_request_mouse_mode),
    SYMBOL(main_channel_update_display),
    SYMBOL(main_channel_update_display_enabled),
    SYMBOL(display_channel_get_primary),
    SYMBOL(cursor_shape_get_type),
    SYMBOL(inputs_channel_key_press),
    SYMBOL(inputs_channel_key_release),
    SYMBOL(inputs_channel_position),
    SYMBOL(inputs_channel_button_press),
    SYMBOL(inputs_channel_button_release),
};

const struct spice_library *
spice_library_load(void)
{
    static struct spice_library library;
    static bool is_loaded;
    void *file;
    size_t i;

    if (is_loaded) {
        return &library;
    }
    file = dlopen(FILE_NAME, RTLD_NOW | RTLD_LOCAL);
    if (file == NULL) {
        vd_error("spice-library", "%s", dlerror());
        return NULL;
    }
    for (i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *address = dlsym(file, symbols[i].name);

        if (address == NULL) {
            vd_error("spice-library", "%s", dlerror());
            return NULL;
        }
        memcpy((char *)&library + symbols[i].offset, &address, sizeof(address));
    }
    is_loaded = true;
    return &library;
}
