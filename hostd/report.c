/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "hostd/trash.h"
#include "protocol/base/fd.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define MEMINFO_FILE "/proc/meminfo"
#define MAX_MEMINFO  (64u * 1024u)
#define KIB_PER_MIB  1024u
#define RESERVE_MB   256u                /* left to the host itself */
#define LOW_DISK     (64u * 1024 * 1024) /* bytes; below this nothing new starts */
#define ROOM_DISK    (2u * LOW_DISK)     /* from here on what was held goes on */

/* Megabytes that /proc/meminfo gives for key ("MemTotal:"), or 0. */
static unsigned
memory_mb(const char *key)
{
    unsigned long kib = 0;
    char *text = NULL;
    char *line;
    size_t size;

    if (vd_file_read(MEMINFO_FILE, MAX_MEMINFO, &text, &size) < 0) {
        return 0;
    }
    line = strstr(text, key);
    if (line != NULL) {
        kib = strtoul(line + strlen(key), NULL, 10);
    }
    free(text);
    return (unsigned)(kib / KIB_PER_MIB);
}

char *
hostd_report_boot_id(void)
{
    char *text = NULL;
    char *boot_id;
    size_t size;

    if (vd_file_read(BOOT_ID_FILE, MAX_MEMINFO, &text, &size) < 0) {
        return g_strdup("");
    }
    boot_id = g_strdup(g_strstrip(text));
    free(text);
    return boot_id;
}

json_t *
hostd_report_hello(const char *name, const char *boot_id, const struct kvm_probe *probe)
{
    return json_pack("{s:s, s:i, s:s, s:s, s:i, s:i, s:{s:s, s:i, s:s}}", "type", "hello",
                     "version", 1, "host", name, "boot_id", boot_id, "cpus",
                     (int)sysconf(_SC_NPROCESSORS_ONLN), "memory_mb", (int)memory_mb("MemTotal:"),
                     "accel", "kind", kvm_accel_name(probe->kind), "mips", (int)(probe->mips + 0.5),
                     "text", probe->text);
}

static json_t *
report_images(const struct hostd_images *images)
{
    const GPtrArray *all = hostd_images_all(images);
    json_t *report = json_array();
    guint i;

    for (i = 0; i < all->len; i++) {
        const struct hostd_image *image = g_ptr_array_index(all, i);

        if (image->check != HOSTD_IMAGE_DAMAGED) {
            json_array_append_new(
                report, json_pack("{s:s, s:i, s:s, s:b}", "name", image->manifest->name, "revision",
                                  (int)image->manifest->revision, "digest", image->manifest->digest,
                                  "published", (int)image->published));
        }
    }
    return report;
}

enum kvm_room
hostd_report_room(const char *state_folder)
{
    struct statvfs status;
    uint64_t left;

    if (statvfs(state_folder, &status) < 0) {
        return KVM_ROOM_ENOUGH; /* nothing is known that would hold anybody */
    }
    left = (uint64_t)status.f_bavail * status.f_frsize;
    return left < LOW_DISK ? KVM_ROOM_NONE : left < ROOM_DISK ? KVM_ROOM_LITTLE : KVM_ROOM_ENOUGH;
}

/* What an administrator should know about the state folder, or NULL. */
static const char *
find_trouble(const char *state_folder)
{
    if (access(state_folder, W_OK | X_OK) < 0) {
        return "the state folder cannot be written; what runs goes on, nothing new starts";
    }
    if (hostd_report_room(state_folder) != KVM_ROOM_ENOUGH) {
        return "the state folder's disk is nearly full; nothing new starts, and desktops that "
               "write "
               "much stand still";
    }
    return NULL;
}

json_t *
hostd_report_observed(uint64_t seq, const struct hostd_desktops *desktops,
                      const struct hostd_images *images, const struct hostd_templates *templates,
                      const struct hostd_overhead *overhead, const char *state_folder,
                      const char *trash_folder)
{
    unsigned available = memory_mb("MemAvailable:");
    unsigned spoken_for = hostd_desktops_promised_mb(desktops) + RESERVE_MB;
    const char *trouble = find_trouble(state_folder);

    if (trouble == NULL) {
        trouble = hostd_templates_trouble(templates);
    }

    return json_pack("{s:s, s:I, s:i, s:b, s:s, s:o, s:o, s:o, s:o, s:o}", "type", "observed",
                     "seq", (json_int_t)seq, "memory_free_mb",
                     (int)(available > spoken_for ? available - spoken_for : 0), "tight",
                     (int)(hostd_report_room(state_folder) != KVM_ROOM_ENOUGH), "text",
                     trouble == NULL ? "" : trouble, "desktops", hostd_desktops_report(desktops),
                     "images", report_images(images), "templates",
                     hostd_templates_report(templates), "load", hostd_overhead_report(overhead),
                     "trash", hostd_trash_report(trash_folder));
}
