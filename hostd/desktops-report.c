/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker learns about the desktops of this host. */
#include <string.h>

#include "hostd/desktops-private.h"
#include "hostd/footprint.h"

static json_t *
report_machine(const struct desktop *desktop)
{
    const struct kvm_record *record = kvm_machine_record(desktop->machine);
    const char *text = kvm_machine_text(desktop->machine);

    return json_pack(
        "{s:s, s:s, s:s, s:i, s:I, s:s, s:s, s:I, s:s, s:i, s:b, s:o}", "id", desktop->id, "pool",
        record->pool == NULL ? "" : record->pool, "image",
        record->image == NULL ? "" : record->image, "revision", (int)record->revision, "epoch",
        (json_int_t)record->epoch, "state", kvm_state_name(kvm_machine_state(desktop->machine)),
        "text", g_utf8_validate(text, -1, NULL) ? text : "", "since_ms",
        (json_int_t)record->since_ms, "accel", kvm_accel_name(record->accel), "promise_mb",
        (int)hostd_footprint_promise_mb(record->memory_mb, record->forked), "signed_in",
        (int)kvm_machine_is_signed_in(desktop->machine), "stream",
        desktop->streamer != NULL ? hostd_streamer_report(desktop->streamer) : json_null());
}

static unsigned
waiting_promise_mb(const struct desktop *desktop)
{
    json_int_t memory_mb = json_integer_value(json_object_get(desktop->last_wanted, "memory_mb"));
    const char *clone = json_string_value(json_object_get(desktop->last_wanted, "clone"));

    return hostd_footprint_promise_mb((unsigned)memory_mb, g_strcmp0(clone, "fork") == 0);
}

/* One that was never here is as good as gone, but not if it should have a disk here. */
static const char *
unseen_state(const struct desktop *desktop)
{
    const char *wanted = json_string_value(json_object_get(desktop->last_wanted, "state"));

    return desktop->waiting ? "starting" : g_strcmp0(wanted, "gone") == 0 ? "gone" : "unknown";
}

static json_t *
report_unseen(const struct desktop *desktop)
{
    const json_t *order = desktop->last_wanted;

    return json_pack(
        "{s:s, s:O, s:O, s:O, s:O, s:s, s:s, s:i, s:s, s:i, s:n}", "id", desktop->id, "pool",
        json_object_get(order, "pool"), "image", json_object_get(order, "image"), "revision",
        json_object_get(order, "revision"), "epoch", json_object_get(order, "epoch"), "state",
        unseen_state(desktop), "text", desktop->waiting ? "waits for its turn" : "", "since_ms", 0,
        "accel", "tcg", "promise_mb", desktop->waiting ? (int)waiting_promise_mb(desktop) : 0,
        "stream");
}

json_t *
hostd_desktops_report(const struct hostd_desktops *desktops)
{
    json_t *all = json_array();
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, desktops->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct desktop *desktop = value;
        json_t *report =
            desktop->machine != NULL ? report_machine(desktop) : report_unseen(desktop);

        g_assert(report != NULL);
        json_array_append_new(all, report);
    }
    return all;
}

unsigned
hostd_desktops_promised_mb(const struct hostd_desktops *desktops)
{
    GHashTableIter iter;
    gpointer value;
    unsigned promised = 0;

    g_hash_table_iter_init(&iter, desktops->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct desktop *desktop = value;
        const struct kvm_record *record =
            desktop->machine == NULL ? NULL : kvm_machine_record(desktop->machine);

        if (record != NULL) {
            promised += hostd_footprint_untouched_mb(record);
        } else if (desktop->waiting) {
            promised += waiting_promise_mb(desktop);
        }
    }
    return promised;
}

void
hostd_desktops_note_running(const struct hostd_desktops *desktops, struct hostd_overhead *overhead)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, desktops->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct desktop *desktop = value;
        const struct kvm_record *record =
            desktop->machine == NULL ? NULL : kvm_machine_record(desktop->machine);
        struct hostd_running running = {.cpu = 0};

        if (record == NULL || record->process.pid == 0) {
            continue;
        }
        running.machine = record->process;
        running.accel = record->accel;
        running.cpu = record->cpu;
        running.memory_mb = record->memory_mb;
        running.ready = record->ready;
        if (desktop->streamer != NULL) {
            running.streamer = hostd_streamer_process(desktop->streamer);
        }
        hostd_overhead_note(overhead, &running);
    }
}
