/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/peers/guest.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <libdrm/drm.h>
#include <libdrm/drm_mode.h>
#include <linux/input.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hostd/guest/modules.h"

#define MODES_MAX 128

/* The first file of the folder whose name begins so, once there is one. */
static int
open_device(const char *folder, const char *prefix)
{
    char path[300];

    for (int tries = 0; tries < 600; tries++) {
        DIR *dir = opendir(folder);
        struct dirent *entry;
        int fd = -1;

        while (dir && fd < 0 && (entry = readdir(dir)))
            if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
                snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
                fd = open(path, O_RDWR | O_CLOEXEC);
            }
        if (dir)
            closedir(dir);
        if (fd >= 0)
            return fd;
        usleep(50000);
    }
    errx(1, "%s/%s: not there", folder, prefix);
}

static void
open_keyboards(struct guest *guest)
{
    DIR *dir = opendir("/dev/input");
    struct dirent *entry;
    char path[300];

    while (dir && guest->keyboard_count < GUEST_KEYBOARDS && (entry = readdir(dir))) {
        int fd;

        if (strncmp(entry->d_name, "event", 5) != 0)
            continue;
        snprintf(path, sizeof path, "/dev/input/%s", entry->d_name);
        fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
            guest->keyboards[guest->keyboard_count++] = fd;
    }
    if (dir)
        closedir(dir);
}

static void
call(struct guest *guest, unsigned long request, void *argument, const char *what)
{
    if (ioctl(guest->card, request, argument) != 0)
        err(1, "%s", what);
}

static void
make_frame(struct guest *guest, int width, int height)
{
    struct drm_mode_create_dumb create = {
        .width = (uint32_t)width, .height = (uint32_t)height, .bpp = 32};
    struct drm_mode_fb_cmd frame = {
        .width = (uint32_t)width, .height = (uint32_t)height, .bpp = 32, .depth = 24};
    struct drm_mode_map_dumb map = {0};

    call(guest, DRM_IOCTL_MODE_CREATE_DUMB, &create, "a buffer");
    frame.handle = map.handle = create.handle;
    frame.pitch = guest->pitch = create.pitch;
    call(guest, DRM_IOCTL_MODE_ADDFB, &frame, "a frame");
    call(guest, DRM_IOCTL_MODE_MAP_DUMB, &map, "the buffer's place");
    guest->frame = frame.fb_id;
    guest->memory =
        mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, guest->card, (off_t)map.offset);
    if (guest->memory == MAP_FAILED)
        err(1, "the buffer");
}

static void
open_display(struct guest *guest, int width, int height)
{
    static struct drm_mode_modeinfo modes[MODES_MAX];
    uint32_t connectors[8], crtcs[8], encoders[8];
    struct drm_mode_card_res res = {.connector_id_ptr = (uintptr_t)connectors,
                                    .count_connectors = 8,
                                    .crtc_id_ptr = (uintptr_t)crtcs,
                                    .count_crtcs = 8,
                                    .encoder_id_ptr = (uintptr_t)encoders,
                                    .count_encoders = 8};
    struct drm_mode_get_connector connector = {0};
    struct drm_mode_crtc crtc = {.mode_valid = 1, .count_connectors = 1};

    call(guest, DRM_IOCTL_MODE_GETRESOURCES, &res, "the display's parts");
    connector.connector_id = connectors[0];
    call(guest, DRM_IOCTL_MODE_GETCONNECTOR, &connector, "the connector");
    if (connector.count_modes > MODES_MAX)
        connector.count_modes = MODES_MAX;
    connector = (struct drm_mode_get_connector){.connector_id = connectors[0],
                                                .modes_ptr = (uintptr_t)modes,
                                                .count_modes = connector.count_modes};
    call(guest, DRM_IOCTL_MODE_GETCONNECTOR, &connector, "the modes");
    for (uint32_t i = 0; i < connector.count_modes && i < MODES_MAX && !crtc.fb_id; i++)
        if (modes[i].hdisplay == width && modes[i].vdisplay == height) {
            make_frame(guest, width, height);
            crtc.mode = modes[i];
            crtc.crtc_id = crtcs[0];
            crtc.fb_id = guest->frame;
            crtc.set_connectors_ptr = (uintptr_t)connectors;
            call(guest, DRM_IOCTL_MODE_SETCRTC, &crtc, "the mode");
        }
    if (!crtc.fb_id)
        errx(1, "the display has no mode of %d x %d", width, height);
}

void
guest_start(struct guest *guest, int width, int height)
{
    guest_mount_kernel();
    guest_load_modules();
    guest->card = open_device("/dev/dri", "card");
    guest->port = open_device("/dev", "vport");
    open_display(guest, width, height);
    open_keyboards(guest);
}

void
guest_flush(struct guest *guest, int x, int y, int width, int height)
{
    struct drm_clip_rect clip = {(unsigned short)x, (unsigned short)y, (unsigned short)(x + width),
                                 (unsigned short)(y + height)};
    struct drm_mode_fb_dirty_cmd dirty = {
        .fb_id = guest->frame, .num_clips = 1, .clips_ptr = (uintptr_t)&clip};

    call(guest, DRM_IOCTL_MODE_DIRTYFB, &dirty, "the flush");
}

bool
guest_take_keys(struct guest *guest)
{
    struct input_event event;
    bool pressed = false;

    for (int i = 0; i < guest->keyboard_count; i++)
        while (read(guest->keyboards[i], &event, sizeof event) == sizeof event)
            pressed |= event.type == EV_KEY && event.value == 1 && event.code < BTN_MISC;
    return pressed;
}
