/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/template.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "hostd/kvm/machine-private.h"
#include "hostd/kvm/ramfile.h"
#include "hostd/kvm/spec.h"
#include "protocol/base/fd.h"

#define TEMPLATE_VERSION 1
#define NAME_DIGITS      24u
#define BYTES_MIB        (UINT64_C(1024) * 1024)

/* A machine with other arguments, as after an update of ours, could not take the state. */
static char *
digest_arguments(const struct kvm_shape *shape)
{
    struct kvm_spec spec = {.name = "template",
                            .uuid = "",
                            .accel = shape->accel,
                            .cpu = shape->cpu,
                            .memory_mb = shape->memory_mb,
                            .nic = shape->network,
                            .net_fd = -1,
                            .mac = "",
                            .display = KVM_DISPLAY_DBUS};
    g_auto(GStrv) arguments = kvm_spec_arguments(&spec);
    g_autofree char *text = g_strjoinv(" ", arguments);

    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

static json_t *
describe(const struct kvm_shape *shape)
{
    g_autofree char *arguments = digest_arguments(shape);

    return json_pack("{s:i, s:s, s:i, s:s, s:i, s:i, s:s, s:s, s:s, s:b}", "version",
                     TEMPLATE_VERSION, "image", shape->image, "revision", (int)shape->revision,
                     "digest", shape->digest, "cpu", (int)shape->cpu, "memory_mb",
                     (int)shape->memory_mb, "accel", kvm_accel_name(shape->accel), "engine",
                     shape->engine, "arguments", arguments, "network", (int)shape->network);
}

static char *
describe_text(const struct kvm_shape *shape)
{
    json_t *json = describe(shape);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(1) | JSON_SORT_KEYS);

    json_decref(json);
    return text;
}

char *
kvm_template_name(const struct kvm_shape *shape)
{
    char *text = describe_text(shape);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

    free(text);
    return g_strndup(digest, NAME_DIGITS);
}

/* 0 also for a file that is not there. */
static int
settle_file(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int result = (fd < 0 && errno != ENOENT) || (fd >= 0 && fsync(fd) < 0) ? -errno : 0;

    vd_fd_clear(&fd);
    return result;
}

int
kvm_template_write(const struct kvm_shape *shape, const char *folder)
{
    static const char *const needless[] = {KVM_RECORD_FILE, KVM_QMP_SOCKET, KVM_RESCUE_SOCKET,
                                           KVM_AGENT_SOCKET, KVM_LOG_FILE};
    g_autofree char *path = g_build_filename(folder, KVM_TEMPLATE_FILE, NULL);
    char *text = describe_text(shape);
    int result = text == NULL ? -EILSEQ : settle_file(folder, KVM_TEMPLATE_STATE);
    size_t i;

    if (result == 0) {
        result = settle_file(folder, KVM_DISK_FILE);
    }
    if (result == 0) {
        result = vd_file_replace(path, text, strlen(text), 0600);
    }
    for (i = 0; result == 0 && i < G_N_ELEMENTS(needless); i++) {
        g_autofree char *left = g_build_filename(folder, needless[i], NULL);

        (void)unlink(left); /* harmless where it stays */
    }
    free(text);
    return result;
}

struct kvm_template *
kvm_template_new(const char *folder, int ram_fd)
{
    struct kvm_template *template = g_new0(struct kvm_template, 1);

    template->folder = g_strdup(folder);
    template->state = g_build_filename(folder, KVM_TEMPLATE_STATE, NULL);
    template->disk = g_build_filename(folder, KVM_DISK_FILE, NULL);
    if (access(template->disk, F_OK) < 0) {
        g_clear_pointer(&template->disk, g_free);
    }
    template->ram_fd = ram_fd;
    return template;
}

void
kvm_template_free(struct kvm_template *template)
{
    if (template != NULL) {
        vd_fd_clear(&template->ram_fd);
        g_free(template->folder);
        g_free(template->state);
        g_free(template->disk);
        g_free(template);
    }
}

json_t *
kvm_template_describe(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, KVM_TEMPLATE_FILE, NULL);
    char *data = NULL;
    size_t size;
    json_t *found;

    if (vd_file_read(path, KVM_TEMPLATE_MAX_SIZE, &data, &size) < 0) {
        return NULL;
    }
    found = json_loadb(data, size, 0, NULL);
    free(data);
    return found;
}

/* 0, -ENOENT, or -EINVAL for a template of something else. */
static int
check(const struct kvm_shape *shape, const char *folder)
{
    json_t *found = kvm_template_describe(folder);
    json_t *wanted = describe(shape);
    int result = found == NULL ? -ENOENT : json_equal(found, wanted) ? 0 : -EINVAL;

    json_decref(found);
    json_decref(wanted);
    return result;
}

struct kvm_template *
kvm_template_load(const struct kvm_shape *shape, const char *folder, GError **error)
{
    g_autofree char *ram = g_build_filename(folder, KVM_TEMPLATE_RAM, NULL);
    int result = check(shape, folder);
    int fd = result < 0 ? result : kvm_ramfile_load(ram, shape->memory_mb * BYTES_MIB);

    if (fd < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(-fd), "cannot use the template: %s",
                    g_strerror(-fd));
        return NULL;
    }
    return kvm_template_new(folder, fd);
}
