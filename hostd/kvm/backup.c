/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/backup.h"

#include <errno.h>
#include <string.h>

#include "hostd/kvm/machine-private.h"
#include "hostd/kvm/qmp.h"
#include "hostd/kvm/socket.h"

#define COMMAND_MS 30000u /* the machine may be busy, and nobody else waits for this monitor */
#define POLL_MS    100u
#define DISK_NODE  "disk" /* as in spec.c */
#define FILE_NODE  "export-file"
#define COPY_NODE  "export"
#define CREATE_JOB "export-create"
#define BACKUP_JOB "export-backup"
#define SET        24 /* of descriptors; spec.c and machine-account.c have others */
#define SET_FILE   "/dev/fdset/24"

struct backup {
    struct kvm_qmp *qmp;
    kvm_backup_step_fn step;
    void *user_data;
    bool ready, answered, waited;
    json_t *result; /* of the last command, NULL: it failed */
    char *text;     /* then why */
    char *closed;   /* why the connection is gone */
};

static void
on_ready(struct kvm_qmp *qmp G_GNUC_UNUSED, void *user_data)
{
    ((struct backup *)user_data)->ready = true;
}

static void
on_event(struct kvm_qmp *qmp G_GNUC_UNUSED, const char *name G_GNUC_UNUSED,
         json_t *data G_GNUC_UNUSED, void *user_data G_GNUC_UNUSED)
{
}

static void
on_closed(struct kvm_qmp *qmp G_GNUC_UNUSED, const char *text, void *user_data)
{
    struct backup *backup = user_data;

    g_free(backup->closed);
    backup->closed = g_strdup(text);
}

static const struct kvm_qmp_events events = {
    .ready = on_ready, .event = on_event, .closed = on_closed};

static void
on_reply(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text, void *user_data)
{
    struct backup *backup = user_data;

    backup->answered = true;
    backup->result = json_incref(result);
    backup->text = result == NULL ? g_strdup(text) : NULL;
}

static bool
fail(GError **error, const char *what, const char *why)
{
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", what, why);
    return false;
}

/* Takes arguments; the result (a reference) or NULL with an error. */
static json_t *
call(struct backup *backup, const char *name, json_t *arguments, int fd, GError **error)
{
    json_t *result;

    backup->answered = false;
    g_clear_pointer(&backup->text, g_free);
    kvm_qmp_command(backup->qmp, name, arguments, fd, COMMAND_MS, on_reply, backup);
    while (!backup->answered) {
        g_main_context_iteration(NULL, TRUE);
    }
    result = g_steal_pointer(&backup->result);
    if (result == NULL) {
        (void)fail(error, name, backup->text);
    }
    return result;
}

static bool
run(struct backup *backup, const char *name, json_t *arguments, GError **error)
{
    json_t *result = call(backup, name, arguments, -1, error);
    bool ok = result != NULL;

    json_decref(result);
    return ok;
}

static gboolean
on_waited(gpointer user_data)
{
    ((struct backup *)user_data)->waited = true;
    return G_SOURCE_REMOVE;
}

static void
wait_a_little(struct backup *backup)
{
    backup->waited = false;
    g_timeout_add(POLL_MS, on_waited, backup);
    while (!backup->waited) {
        g_main_context_iteration(NULL, TRUE);
    }
}

/* The job as the machine describes it (a reference), or NULL: there is none, or *error. */
static json_t *
find_job(struct backup *backup, const char *id, GError **error)
{
    json_t *jobs = call(backup, "query-jobs", NULL, -1, error), *found = NULL;
    size_t i;

    for (i = 0; i < json_array_size(jobs) && found == NULL; i++) {
        json_t *job = json_array_get(jobs, i);

        if (g_strcmp0(json_string_value(json_object_get(job, "id")), id) == 0) {
            found = json_incref(job);
        }
    }
    json_decref(jobs);
    return found;
}

/* Until the job has come to its end, good or bad; it is dismissed then. */
static bool
finish_job(struct backup *backup, const char *id, bool shown, GError **error)
{
    for (;;) {
        json_t *job = find_job(backup, id, error);
        const char *status = json_string_value(json_object_get(job, "status"));
        const char *why = json_string_value(json_object_get(job, "error"));
        json_int_t done = json_integer_value(json_object_get(job, "current-progress"));
        json_int_t total = json_integer_value(json_object_get(job, "total-progress"));
        bool over = g_strcmp0(status, "concluded") == 0, ok = job != NULL && why == NULL;

        if (over && !ok) {
            (void)fail(error, "the copy failed", why);
        } else if (job == NULL && error != NULL && *error == NULL) {
            (void)fail(error, "the copy failed", "the machine has forgotten it");
        }
        json_decref(job);
        if (over) {
            return run(backup, "job-dismiss", json_pack("{s:s}", "id", id), ok ? error : NULL) &&
                   ok;
        }
        if (job == NULL) {
            return false;
        }
        if (shown &&
            !backup->step((uint64_t)MAX(done, 0), (uint64_t)MAX(total, 1), backup->user_data)) {
            g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "interrupted");
            return false;
        }
        wait_a_little(backup);
    }
}

static void
end_job(struct backup *backup, const char *id)
{
    if (run(backup, "job-cancel", json_pack("{s:s}", "id", id), NULL)) {
        (void)finish_job(backup, id, false, NULL);
    } else {
        (void)run(backup, "job-dismiss", json_pack("{s:s}", "id", id), NULL);
    }
}

/* Of this copy, or of one that was killed: what is not there cannot be removed, and is not missed.
 */
static void
tidy_up(struct backup *backup)
{
    end_job(backup, CREATE_JOB);
    end_job(backup, BACKUP_JOB);
    (void)run(backup, "blockdev-del", json_pack("{s:s}", "node-name", COPY_NODE), NULL);
    (void)run(backup, "blockdev-del", json_pack("{s:s}", "node-name", FILE_NODE), NULL);
    (void)run(backup, "remove-fd", json_pack("{s:i}", "fdset-id", SET), NULL);
}

/* The target becomes a qcow2 that the machine knows. */
static bool
open_target(struct backup *backup, int target, uint64_t size, GError **error)
{
    json_t *added = call(backup, "add-fd", json_pack("{s:i}", "fdset-id", SET), target, error);
    bool ok = added != NULL;

    json_decref(added);
    return ok &&
           run(backup, "blockdev-add",
               json_pack("{s:s, s:s, s:s}", "driver", "file", "node-name", FILE_NODE, "filename",
                         SET_FILE),
               error) &&
           run(backup, "blockdev-create",
               json_pack("{s:s, s:{s:s, s:s, s:I}}", "job-id", CREATE_JOB, "options", "driver",
                         "qcow2", "file", FILE_NODE, "size", (json_int_t)size),
               error) &&
           finish_job(backup, CREATE_JOB, false, error) &&
           run(backup, "blockdev-add",
               json_pack("{s:s, s:s, s:s, s:n}", "driver", "qcow2", "node-name", COPY_NODE, "file",
                         FILE_NODE, "backing"),
               error);
}

/* Closing the target writes out what its format holds. */
static bool
close_target(struct backup *backup, GError **error)
{
    return run(backup, "blockdev-del", json_pack("{s:s}", "node-name", COPY_NODE), error) &&
           run(backup, "blockdev-del", json_pack("{s:s}", "node-name", FILE_NODE), error) &&
           run(backup, "remove-fd", json_pack("{s:i}", "fdset-id", SET), error);
}

static bool
copy(struct backup *backup, int target, uint64_t size, GError **error)
{
    bool ok;

    tidy_up(backup);
    ok = open_target(backup, target, size, error) &&
         run(backup, "blockdev-backup",
             json_pack("{s:s, s:s, s:s, s:s, s:b}", "job-id", BACKUP_JOB, "device", DISK_NODE,
                       "target", COPY_NODE, "sync", "top", "auto-dismiss", 0),
             error) &&
         finish_job(backup, BACKUP_JOB, true, error) && close_target(backup, error);
    if (!ok) {
        tidy_up(backup);
    }
    return ok;
}

bool
kvm_backup_run(int folder, int target, uint64_t size, kvm_backup_step_fn step, void *user_data,
               GError **error)
{
    struct backup backup = {.step = step, .user_data = user_data};
    int fd = kvm_socket_connect(folder, KVM_RESCUE_SOCKET);
    bool ok = false;

    if (fd == -ECONNREFUSED || fd == -ENOENT) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED,
                            "no machine runs there");
        return false;
    }
    backup.qmp = kvm_qmp_new(fd, COMMAND_MS, &events, &backup);
    while (!backup.ready && backup.closed == NULL) {
        g_main_context_iteration(NULL, TRUE);
    }
    if (!backup.ready) {
        (void)fail(error, "its second monitor does not answer, or somebody else uses it",
                   backup.closed);
    } else {
        ok = copy(&backup, target, size, error);
    }
    kvm_qmp_free(backup.qmp);
    g_free(backup.text);
    g_free(backup.closed);
    return ok;
}
