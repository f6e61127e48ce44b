/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/video/gst.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/video/video.h"

#define FILE_NAME "libgstreamer-1.0.so.0"
#define SYMBOL(member)                                                                             \
    {                                                                                              \
        offsetof(struct vdp_gst, member), "gst_" #member                                           \
    }

static const struct {
    size_t offset;
    const char *name;
} symbols[] = {
    SYMBOL(init_check),
    SYMBOL(registry_fork_set_enabled),
    SYMBOL(plugin_load_file),
    SYMBOL(element_factory_make),
    SYMBOL(pipeline_new),
    SYMBOL(bin_get_type),
    SYMBOL(bin_add),
    SYMBOL(element_link_filtered),
    SYMBOL(element_set_state),
    SYMBOL(element_get_state),
    SYMBOL(element_send_event),
    SYMBOL(element_get_bus),
    SYMBOL(bus_set_flushing),
    SYMBOL(object_unref),
    SYMBOL(caps_from_string),
    SYMBOL(caps_get_structure),
    SYMBOL(structure_get_int),
    SYMBOL(structure_get_string),
    SYMBOL(structure_new),
    SYMBOL(event_new_custom),
    SYMBOL(buffer_new_allocate),
    SYMBOL(buffer_fill),
    SYMBOL(buffer_map),
    SYMBOL(buffer_unmap),
    SYMBOL(sample_get_buffer),
    SYMBOL(sample_get_caps),
    SYMBOL(mini_object_unref),
    SYMBOL(util_set_object_arg),
};

static GMutex lock;

void
vdp_video_prepare(void)
{
    setenv("GST_PLUGIN_SYSTEM_PATH_1_0", "", 1);
    setenv("GST_PLUGIN_PATH_1_0", "", 1);
    setenv("GST_REGISTRY_FORK", "no", 1);
    setenv("GST_REGISTRY_UPDATE", "no", 1);
    setenv("GST_REGISTRY_DISABLE", "yes", 1);
}

/* With the lock held. */
static bool
load(struct vdp_gst *gst)
{
    void *file = dlopen(FILE_NAME, RTLD_NOW | RTLD_LOCAL);
    size_t i;

    if (file == NULL) {
        return false;
    }
    for (i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *address = dlsym(file, symbols[i].name);

        if (address == NULL) {
            return false;
        }
        memcpy((char *)gst + symbols[i].offset, &address, sizeof(address));
    }
    gst->registry_fork_set_enabled(FALSE);
    return gst->init_check(NULL, NULL, NULL);
}

const struct vdp_gst *
vdp_gst_load(void)
{
    static struct vdp_gst gst;
    static enum { UNTRIED, LOADED, FAILED } state;
    const struct vdp_gst *result;

    g_mutex_lock(&lock);
    if (state == UNTRIED) {
        state = load(&gst) ? LOADED : FAILED;
    }
    result = state == LOADED ? &gst : NULL;
    g_mutex_unlock(&lock);
    return result;
}

static char *
path_of(const char *plugin)
{
    return g_strdup_printf("%s/libgst%s.so", GST_PLUGINS_DIR, plugin);
}

bool
vdp_gst_has_plugin(const char *plugin)
{
    char *path = path_of(plugin);
    bool there = access(path, R_OK) == 0;

    g_free(path);
    return there;
}

bool
vdp_gst_plugin(const struct vdp_gst *gst, const char *plugin)
{
    char *path = path_of(plugin);
    GstPlugin *loaded;

    g_mutex_lock(&lock);
    loaded = gst->plugin_load_file(path, NULL);
    g_mutex_unlock(&lock);
    g_free(path);
    if (loaded == NULL) {
        return false;
    }
    gst->object_unref(loaded); /* the registry keeps it */
    return true;
}
