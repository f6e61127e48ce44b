/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_GST_H
#define VDP_GST_H

/*
 * gst: GStreamer, loaded when the first video needs it. Not used outside protocol/video.
 *
 * No registry is read, written or scanned and no process is started: plug-ins are loaded by name,
 * one by one, from the folder that GStreamer was built with. So it works in a jail that opens
 * files for reading only.
 */

#include <gst/gst.h>
#include <stdbool.h>

struct vdp_gst {
    __typeof__(gst_init_check) *init_check;
    __typeof__(gst_registry_fork_set_enabled) *registry_fork_set_enabled;
    __typeof__(gst_plugin_load_file) *plugin_load_file;
    __typeof__(gst_element_factory_make) *element_factory_make;
    __typeof__(gst_pipeline_new) *pipeline_new;
    __typeof__(gst_bin_get_type) *bin_get_type;
    __typeof__(gst_bin_add) *bin_add;
    __typeof__(gst_element_link_filtered) *element_link_filtered;
    __typeof__(gst_element_set_state) *element_set_state;
    __typeof__(gst_element_get_state) *element_get_state;
    __typeof__(gst_element_send_event) *element_send_event;
    __typeof__(gst_element_get_bus) *element_get_bus;
    __typeof__(gst_bus_set_flushing) *bus_set_flushing;
    __typeof__(gst_object_unref) *object_unref;
    __typeof__(gst_caps_from_string) *caps_from_string;
    __typeof__(gst_caps_get_structure) *caps_get_structure;
    __typeof__(gst_structure_get_int) *structure_get_int;
    __typeof__(gst_structure_get_string) *structure_get_string;
    __typeof__(gst_structure_new) *structure_new;
    __typeof__(gst_event_new_custom) *event_new_custom;
    __typeof__(gst_buffer_new_allocate) *buffer_new_allocate;
    __typeof__(gst_buffer_fill) *buffer_fill;
    __typeof__(gst_buffer_map) *buffer_map;
    __typeof__(gst_buffer_unmap) *buffer_unmap;
    __typeof__(gst_sample_get_buffer) *sample_get_buffer;
    __typeof__(gst_sample_get_caps) *sample_get_caps;
    __typeof__(gst_mini_object_unref) *mini_object_unref;
    __typeof__(gst_util_set_object_arg) *util_set_object_arg;
};

/* NULL when it is not installed; stays loaded. Thread-safe. */
const struct vdp_gst *vdp_gst_load(void);
/* Whether the file of a plug-in is there: libgstPLUGIN.so. Loads nothing. */
bool vdp_gst_has_plugin(const char *plugin);
/* False when it is not installed. Thread-safe. */
bool vdp_gst_plugin(const struct vdp_gst *gst, const char *plugin);

#endif
