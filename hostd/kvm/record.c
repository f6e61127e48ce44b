/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/record.h"

#include <errno.h>
#include <gio/gio.h>
#include <jansson.h>
#include <string.h>

#include "hostd/kvm/spec.h"
#include "protocol/base/fd.h"

#define RECORD_VERSION 1

static const char *const stage_names[] = {"prepared", "running", "stopping", "gone",
                                          "failed",   "stopped", "parked"};

void
kvm_record_clear(struct kvm_record *record)
{
    g_free(record->id);
    g_free(record->pool);
    g_free(record->image);
    g_free(record->uuid);
    g_free(record->boot_id);
    g_free(record->text);
    g_free(record->user);
    memset(record, 0, sizeof(*record));
}

int
kvm_record_write(const struct kvm_record *record, const char *folder)
{
    g_autofree char *path = g_build_filename(folder, KVM_RECORD_FILE, NULL);
    json_t *json = json_pack(
        "{s:i, s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:i, s:i, s:s, s:b, s:s, s:s, s:i, s:I, s:s, "
        "s:b, s:I, s:s?, s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:s?, s:I}",
        "version", RECORD_VERSION, "id", record->id, "pool", record->pool, "image", record->image,
        "revision", (int)record->revision, "slot", (int)record->slot, "epoch",
        (json_int_t)record->epoch, "run_epoch", (json_int_t)record->run_epoch, "cpu",
        (int)record->cpu, "memory_mb", (int)record->memory_mb, "accel",
        kvm_accel_name(record->accel), "agent", (int)record->agent, "uuid", record->uuid, "boot_id",
        record->boot_id, "pid", (int)record->process.pid, "start_time",
        (json_int_t)record->process.start_time, "stage", stage_names[record->stage], "ready",
        (int)record->ready, "since_ms", (json_int_t)record->since_ms, "text", record->text,
        "display", kvm_display_name(record->display), "forked", (int)record->forked, "woken",
        (int)record->woken, "kept", (int)record->kept, "network", (int)record->network, "userdisk",
        (int)record->userdisk, "held", (int)record->held, "resting", (int)record->resting, "user",
        record->user, "keep_ms", (json_int_t)record->keep_ms);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(1));
    int result = text == NULL ? -EILSEQ : vd_file_replace(path, text, strlen(text), 0600);

    json_decref(json);
    free(text);
    return result;
}

static bool
parse_stage(const char *name, enum kvm_stage *ret_stage)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(stage_names); i++) {
        if (strcmp(name, stage_names[i]) == 0) {
            *ret_stage = (enum kvm_stage)i;
            return true;
        }
    }
    return false;
}

/* Copies json into record; false when a field is missing or not what a write would have made. */
static bool
parse(json_t *json, struct kvm_record *record)
{
    const char *id, *pool, *image, *accel, *uuid, *boot_id, *stage;
    json_int_t epoch, run_epoch, start_time, since_ms;
    int version, revision, slot, cpu, memory_mb, agent, pid, ready;

    if (json_unpack(json,
                    "{s:i, s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:i, s:i, s:s, s:b, s:s, s:s, s:i, "
                    "s:I, s:s, s:b, s:I}",
                    "version", &version, "id", &id, "pool", &pool, "image", &image, "revision",
                    &revision, "slot", &slot, "epoch", &epoch, "run_epoch", &run_epoch, "cpu", &cpu,
                    "memory_mb", &memory_mb, "accel", &accel, "agent", &agent, "uuid", &uuid,
                    "boot_id", &boot_id, "pid", &pid, "start_time", &start_time, "stage", &stage,
                    "ready", &ready, "since_ms", &since_ms) < 0) {
        return false;
    }
    if (version != RECORD_VERSION || !kvm_spec_name_is_good(id) || !g_uuid_string_is_valid(uuid) ||
        slot < 0 || revision < 0 || epoch < 0 || run_epoch < 0 || run_epoch > epoch || cpu < 1 ||
        memory_mb < 1 || pid < 0 || pid == 1 || start_time < 0 ||
        !parse_stage(stage, &record->stage) ||
        !kvm_display_parse(json_string_value(json_object_get(json, "display")), &record->display) ||
        (record->stage == KVM_STAGE_RUNNING && (pid == 0 || start_time == 0))) {
        return false;
    }
    record->id = g_strdup(id);
    record->pool = g_strdup(pool);
    record->image = g_strdup(image);
    record->uuid = g_strdup(uuid);
    record->boot_id = g_strdup(boot_id);
    record->text = g_strdup(json_string_value(json_object_get(json, "text")));
    record->revision = (unsigned)revision;
    record->slot = (unsigned)slot;
    record->epoch = (uint64_t)epoch;
    record->run_epoch = (uint64_t)run_epoch;
    record->cpu = (unsigned)cpu;
    record->memory_mb = (unsigned)memory_mb;
    record->accel = strcmp(accel, "kvm") == 0 ? KVM_ACCEL_KVM : KVM_ACCEL_TCG;
    record->kept = json_is_true(json_object_get(json, "kept"));
    record->network = json_is_true(json_object_get(json, "network"));
    record->userdisk = json_is_true(json_object_get(json, "userdisk"));
    record->held = json_is_true(json_object_get(json, "held"));
    record->resting = json_is_true(json_object_get(json, "resting"));
    record->user = g_strdup(json_string_value(json_object_get(json, "user")));
    record->keep_ms = MAX(json_integer_value(json_object_get(json, "keep_ms")), 0);
    record->forked = json_is_true(json_object_get(json, "forked"));
    record->woken = json_is_true(json_object_get(json, "woken"));
    record->agent = agent != 0;
    record->ready = ready != 0;
    record->since_ms = since_ms;
    record->process.pid = pid;
    record->process.start_time = (uint64_t)start_time;
    return true;
}

bool
kvm_record_read(struct kvm_record *ret_record, const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, KVM_RECORD_FILE, NULL);
    char *data = NULL;
    size_t size;
    json_t *json;
    bool good;
    int result = vd_file_read(path, KVM_RECORD_MAX_SIZE, &data, &size);

    memset(ret_record, 0, sizeof(*ret_record));
    if (result < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(-result), "cannot read its record: %s",
                    g_strerror(-result));
        return false;
    }
    json = json_loadb(data, size, 0, NULL);
    good = json_is_object(json) && parse(json, ret_record);
    json_decref(json);
    free(data);
    if (!good) {
        kvm_record_clear(ret_record);
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "its record is damaged");
    }
    return good;
}
