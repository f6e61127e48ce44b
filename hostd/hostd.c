/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/hostd.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>

#include "hostd/desktops.h"
#include "hostd/images.h"
#include "hostd/kvm/userdisk.h"
#include "hostd/overhead.h"
#include "hostd/report.h"
#include "hostd/templates.h"
#include "hostd/trash.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define DISK_TOOL       "qemu-img"
#define COALESCE_MS     50
#define TEND_MS         1000
#define REPORT_EVERY    5                    /* tends */
#define SCAN_EVERY      2                    /* tends */
#define SETTLE_PATIENCE (3 * G_USEC_PER_SEC) /* then the first report goes out all the same */
#define SETTLE_RETRY_MS 20

struct hostd {
    struct kvm_environment environment;
    const struct kvm_probe *probe;
    char *state, *desktops_folder, *trash_folder, *userdisks_folder, *boot_id, *disk_tool;
    struct hostd_images *images;
    struct hostd_templates *templates;
    struct hostd_desktops *desktops;
    struct hostd_overhead *overhead;
    struct hostd_uplink *uplink;
    uint64_t seq;
    int64_t started_us;
    json_t *no_disks; /* that the broker wants deleted, or NULL */
    unsigned ticks;
    guint report, tend, apply;
};

static gboolean
send_report(gpointer user_data)
{
    struct hostd *hostd = user_data;

    hostd->report = 0;
    if (!hostd_uplink_is_open(hostd->uplink)) {
        return G_SOURCE_REMOVE;
    }
    /* Right after a restart what runs has not answered yet; "unknown" would be a false alarm. */
    if (!hostd_desktops_are_settled(hostd->desktops) &&
        vd_monotonic_us() - hostd->started_us < SETTLE_PATIENCE) {
        hostd->report = g_timeout_add(SETTLE_RETRY_MS, send_report, hostd);
        return G_SOURCE_REMOVE;
    }
    hostd_uplink_send(hostd->uplink,
                      hostd_report_observed(++hostd->seq, hostd->desktops, hostd->images,
                                            hostd->templates, hostd->overhead, hostd->state,
                                            hostd->trash_folder));
    return G_SOURCE_REMOVE;
}

static void
on_changed(void *user_data)
{
    struct hostd *hostd = user_data;

    if (hostd->report == 0) {
        hostd->report = g_timeout_add(COALESCE_MS, send_report, hostd);
    }
}

/* Kept nowhere while there is no link: it would outlive the session that it shows. */
static void
on_picture(json_t *message, void *user_data)
{
    struct hostd *hostd = user_data;

    if (hostd_uplink_is_open(hostd->uplink)) {
        hostd_uplink_send(hostd->uplink, message);
    } else {
        json_decref(message);
    }
}

static const struct hostd_desktops_events desktops_events = {.changed = on_changed,
                                                             .picture = on_picture};

static void
on_image_checked(void *user_data)
{
    struct hostd *hostd = user_data;

    hostd_desktops_apply_again(hostd->desktops);
    on_changed(hostd); /* a damaged one is not reported any more */
}

static gboolean
apply_again(gpointer user_data)
{
    struct hostd *hostd = user_data;

    hostd->apply = 0;
    hostd_desktops_apply_again(hostd->desktops);
    on_changed(hostd);
    return G_SOURCE_REMOVE;
}

/* Not at once: the news may come while a list is being applied. */
static void
on_template_changed(void *user_data)
{
    struct hostd *hostd = user_data;

    if (hostd->apply == 0) {
        hostd->apply = g_idle_add(apply_again, hostd);
    }
}

static const char *
parked_with(const char *pool, const char *user, void *user_data)
{
    const struct hostd *hostd = user_data;

    /* Adoption comes to a result only from the loop. */
    return hostd->desktops == NULL ? NULL : hostd_desktops_parked_with(hostd->desktops, pool, user);
}

/* Until the broker has heard it; one that a machine still has goes at a later try. */
static void
delete_disks(struct hostd *hostd)
{
    size_t i;

    for (i = 0; i < json_array_size(hostd->no_disks); i++) {
        const json_t *disk = json_array_get(hostd->no_disks, i);
        const char *pool = json_string_value(json_object_get(disk, "pool"));
        const char *user = json_string_value(json_object_get(disk, "user"));
        int result = pool == NULL || user == NULL ? -EINVAL
                     : parked_with(pool, user, hostd) != NULL
                         ? -EBUSY
                         : kvm_userdisk_remove(hostd->userdisks_folder, pool, user);

        if (result == 0) {
            hostd_uplink_send(hostd->uplink, json_pack("{s:s, s:s, s:s}", "type", "disk-gone",
                                                       "pool", pool, "user", user));
        } else {
            vd_warning("hostd", "cannot delete a user's disk, trying again: %s", strerror(-result));
        }
    }
}

static gboolean
on_tend(gpointer user_data)
{
    struct hostd *hostd = user_data;

    hostd->ticks++;
    hostd_desktops_tend(hostd->desktops, hostd_report_room(hostd->state));
    hostd_templates_tend(hostd->templates);
    hostd_desktops_note_running(hostd->desktops, hostd->overhead);
    hostd_overhead_tend(hostd->overhead);
    if (hostd->ticks % SCAN_EVERY == 0 && hostd_images_scan(hostd->images)) {
        on_changed(hostd);
    }
    if (hostd->ticks % REPORT_EVERY == 0) {
        hostd_trash_reap(hostd->trash_folder);
        delete_disks(hostd);
        on_changed(hostd);
    }
    return G_SOURCE_CONTINUE;
}

static void
on_opened(struct hostd_uplink *uplink, void *user_data)
{
    struct hostd *hostd = user_data;

    hostd_uplink_send(uplink, hostd_report_hello(hostd_uplink_name(uplink),
                                                 hostd->environment.boot_id, hostd->probe));
    on_changed(hostd);
}

static void
on_message(struct hostd_uplink *uplink G_GNUC_UNUSED, json_t *message, void *user_data)
{
    struct hostd *hostd = user_data;
    const char *type = json_string_value(json_object_get(message, "type"));
    json_t *wanted = json_object_get(message, "desktops");

    if (g_strcmp0(type, "desired") == 0 && json_is_array(wanted)) {
        json_decref(hostd->no_disks);
        hostd->no_disks = json_incref(json_object_get(message, "no_disks"));
        delete_disks(hostd);
        hostd_desktops_apply(hostd->desktops, wanted);
    } else if (g_strcmp0(type, "empty") == 0) {
        hostd_trash_empty(hostd->trash_folder, json_object_get(message, "ids"));
        on_changed(hostd);
    }
}

static const struct hostd_uplink_events uplink_events = {.opened = on_opened,
                                                         .message = on_message};

/* The disk tool beside the machine program, or the one in the path; g_free(). */
static char *
find_disk_tool(const char *engine)
{
    g_autofree char *folder = g_path_get_dirname(engine);
    g_autofree char *beside = g_build_filename(folder, DISK_TOOL, NULL);

    if (!g_file_test(engine, G_FILE_TEST_IS_EXECUTABLE)) {
        vd_error("hostd", "%s cannot be run, no desktop will start; install qemu-system-x86",
                 engine);
    }
    return g_strdup(g_file_test(beside, G_FILE_TEST_IS_EXECUTABLE) ? beside : DISK_TOOL);
}

/* Another program of that name has another size or time: what it froze only it can wake. */
static char *
describe_engine(const char *engine)
{
    struct stat status;

    if (stat(engine, &status) < 0) {
        return g_strdup(engine);
    }
    return g_strdup_printf("%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, engine,
                           (gint64)status.st_size, (gint64)status.st_mtime);
}

struct hostd *
hostd_new(const struct hostd_options *options, struct vd_launch *launch,
          const struct kvm_probe *probe)
{
    struct hostd *hostd = g_new0(struct hostd, 1);
    struct hostd_uplink_options uplink = {.state = options->state,
                                          .broker = options->broker,
                                          .ca = options->ca,
                                          .name = options->name,
                                          .renew_s = options->renew_s,
                                          .join_fd = options->join_fd};
    g_autofree char *templates_folder = g_build_filename(options->state, "templates", NULL);
    g_autofree char *engine = describe_engine(options->engine);
    int result;

    hostd->probe = probe;
    hostd->state = g_strdup(options->state);
    hostd->desktops_folder = g_build_filename(options->state, "desktops", NULL);
    hostd->trash_folder = g_build_filename(options->state, "trash", NULL);
    hostd->userdisks_folder = g_build_filename(options->state, "userdisks", NULL);
    hostd->boot_id = hostd_report_boot_id();
    hostd->disk_tool = find_disk_tool(options->engine);
    hostd->environment = (struct kvm_environment){
        .disk_tool = hostd->disk_tool,
        .launch = launch,
        .desktops = hostd->desktops_folder,
        .images = options->images,
        .trash = hostd->trash_folder,
        .userdisks = hostd->userdisks_folder,
        .boot_id = hostd->boot_id,
        .accel = probe->kind,
        .accel_text = probe->text,
        .boot_ms = options->boot_ms,
        .shutdown_ms = options->shutdown_ms,
        .quit_ms = options->quit_ms,
        .parked_with = parked_with,
        .user_data = hostd,
    };
    result = vd_mkdir_all(hostd->desktops_folder, 0700);
    if (result < 0) {
        vd_error("hostd", "cannot make %s, nothing new can start: %s", hostd->desktops_folder,
                 strerror(-result));
    }
    hostd->started_us = vd_monotonic_us();
    hostd->images = hostd_images_new(options->images, on_image_checked, hostd);
    (void)hostd_images_scan(hostd->images); /* the first report brings all there is */
    hostd->templates = hostd_templates_new(&hostd->environment, hostd->images, templates_folder,
                                           engine, on_template_changed, hostd);
    hostd->desktops = hostd_desktops_new(&hostd->environment, hostd->images, hostd->templates,
                                         &desktops_events, hostd);
    hostd->overhead = hostd_overhead_new();
    hostd->uplink = hostd_uplink_new(&uplink, &uplink_events, hostd);
    hostd->tend = g_timeout_add(TEND_MS, on_tend, hostd);
    return hostd;
}

void
hostd_free(struct hostd *hostd)
{
    if (hostd == NULL) {
        return;
    }
    g_source_remove(hostd->tend);
    if (hostd->report != 0) {
        g_source_remove(hostd->report);
    }
    hostd_uplink_free(hostd->uplink);
    if (hostd->apply != 0) {
        g_source_remove(hostd->apply);
    }
    hostd_overhead_free(hostd->overhead);
    hostd_desktops_free(hostd->desktops);
    hostd_templates_free(hostd->templates);
    hostd_images_free(hostd->images);
    g_free(hostd->state);
    g_free(hostd->desktops_folder);
    g_free(hostd->trash_folder);
    g_free(hostd->userdisks_folder);
    json_decref(hostd->no_disks);
    g_free(hostd->boot_id);
    g_free(hostd->disk_tool);
    g_free(hostd);
}
