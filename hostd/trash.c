/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/trash.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>
#include <sys/statvfs.h>

#include "hostd/kvm/trash.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"

#define FREE_PERCENT 5u /* of the disk; below that the trash gives way before its time */

static bool
is_tight(const char *folder)
{
    struct statvfs status;

    return statvfs(folder, &status) == 0 &&
           (uint64_t)status.f_bavail * 100 < (uint64_t)status.f_blocks * FREE_PERCENT;
}

static void
remove_entry(const char *folder, const struct kvm_trash_entry *entry, const char *why)
{
    int result = kvm_trash_remove(folder, entry->id);

    if (result < 0) {
        vd_warning("trash", "cannot remove %s: %s", entry->id, strerror(-result));
    } else {
        vd_notice("trash", "%s is gone for good: %s", entry->id, why);
    }
}

void
hostd_trash_reap(const char *folder)
{
    g_autoptr(GPtrArray) entries = kvm_trash_list(folder);
    int64_t now_ms = vd_wall_ms();
    guint i;

    for (i = 0; i < entries->len; i++) {
        const struct kvm_trash_entry *entry = g_ptr_array_index(entries, i);

        if (entry->expires_ms <= now_ms) {
            remove_entry(folder, entry, "its time is over");
        } else if (is_tight(folder)) {
            remove_entry(folder, entry, "the disk is nearly full");
        }
    }
}

static bool
is_named(const json_t *ids, const char *id)
{
    size_t i;

    for (i = 0; i < json_array_size(ids); i++) {
        if (g_strcmp0(json_string_value(json_array_get(ids, i)), id) == 0) {
            return true;
        }
    }
    return false;
}

void
hostd_trash_empty(const char *folder, const json_t *ids)
{
    g_autoptr(GPtrArray) entries = kvm_trash_list(folder);
    guint i;

    for (i = 0; i < entries->len; i++) {
        const struct kvm_trash_entry *entry = g_ptr_array_index(entries, i);

        if (!json_is_array(ids) || is_named(ids, entry->id)) {
            remove_entry(folder, entry, "an administrator emptied the trash");
        }
    }
}

json_t *
hostd_trash_report(const char *folder)
{
    g_autoptr(GPtrArray) entries = kvm_trash_list(folder);
    json_t *report = json_array();
    guint i;

    for (i = 0; i < entries->len; i++) {
        const struct kvm_trash_entry *entry = g_ptr_array_index(entries, i);

        json_array_append_new(
            report, json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:I}", "id", entry->id,
                              "pool", entry->pool, "user", entry->user, "image", entry->image,
                              "revision", (int)entry->revision, "cpu", (int)entry->cpu, "memory_mb",
                              (int)entry->memory_mb, "deleted_ms", (json_int_t)entry->deleted_ms,
                              "expires_ms", (json_int_t)entry->expires_ms, "bytes",
                              (json_int_t)entry->bytes));
    }
    return report;
}
