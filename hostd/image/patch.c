/* SPDX-License-Identifier: Apache-2.0 */

/*
 * vedette-patch: the recipe of a revision that is another one after a script has run in it.
 * vedette-image patch starts it as it starts every recipe: VEDETTE_OUT is to be filled,
 * VEDETTE_WORK is scratch; VEDETTE_BASE is the folder of the revision to start from, VEDETTE_SCRIPT
 * the script, VEDETTE_NOTE a word about it, VEDETTE_SECONDS what the script may take.
 */

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gio/gio.h>

#include "hostd/image/patchmachine.h"
#include "hostd/image/qcow2.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define BOOT_SECONDS 600u
#define OFF_SECONDS  180u
#define SEAL         "if [ -x /usr/lib/vedette/seal ]; then exec /usr/lib/vedette/seal; fi\n"
#define OVERLAY      "overlay.qcow2"
#define TRIAL        "trial.qcow2"
#define DISK         "disk.qcow2"
#define PROGRESS_RUN 35

struct patch {
    const char *out, *work, *base, *note;
    char *script;
    unsigned seconds;
    struct image_manifest *manifest;
    enum kvm_accel accel;
};

static void
progress(int percent, const char *text)
{
    printf("@progress %d %s\n", percent, text);
    fflush(stdout);
}

/* Into the log, and above the bar. */
static void
tell(const char *line)
{
    printf("@say %s\n", line);
    fflush(stdout);
}

static bool run_tool(GError **error, const char *program, ...) G_GNUC_NULL_TERMINATED;

static bool
run_tool(GError **error, const char *program, ...)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GSubprocess) process = NULL;
    const char *word;
    va_list args;

    g_ptr_array_add(argv, (char *)program);
    va_start(args, program);
    while ((word = va_arg(args, const char *)) != NULL) {
        g_ptr_array_add(argv, (char *)word);
    }
    va_end(args);
    g_ptr_array_add(argv, NULL);
    process = g_subprocess_newv((const char *const *)argv->pdata, G_SUBPROCESS_FLAGS_NONE, error);
    return process != NULL && g_subprocess_wait_check(process, NULL, error);
}

/* A disk that stands on the one in folder; the formats are said and never guessed. */
static bool
make_overlay(const char *folder, const char *overlay, GError **error)
{
    g_autofree char *base = g_build_filename(folder, DISK, NULL);

    return run_tool(error, "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base,
                    overlay, NULL);
}

static bool
run_script(const struct patch *patch, const char *overlay, GError **error)
{
    struct patchmachine_order order = {.folder = patch->work,
                                       .base = patch->base,
                                       .manifest = patch->manifest,
                                       .overlay = overlay,
                                       .takes_scripts = true,
                                       .accel = patch->accel};
    struct patchmachine *machine = patchmachine_new(&order, error);
    bool good;

    good = machine != NULL && patchmachine_wait_ready(machine, BOOT_SECONDS, error);
    if (good && !patchmachine_takes_scripts(machine)) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_RECIPE,
                            "the agent in this image is older than scripts: build the image anew, "
                            "then it can be patched");
        good = false;
    }
    if (good) {
        progress(PROGRESS_RUN, "Running the script");
        good = patchmachine_run(machine, patch->script, patch->seconds, tell, error);
        if (!good) {
            g_prefix_error(error, "the script, which may take %u s (--seconds): ", patch->seconds);
        }
    }
    if (good) {
        progress(65, "Removing what must not be the same twice");
        good = patchmachine_run(machine, SEAL, BOOT_SECONDS, tell, error) &&
               patchmachine_switch_off(machine, OFF_SECONDS, error);
        if (!good) {
            g_prefix_error(error, "/usr/lib/vedette/seal of the image, and its end: ");
        }
    }
    patchmachine_free(machine);
    return good;
}

static bool
copy_file(const struct patch *patch, const char *name, GError **error)
{
    g_autofree char *from = g_build_filename(patch->base, name, NULL);
    g_autofree char *to = g_build_filename(patch->out, name, NULL);

    return name[0] == '\0' ||
           run_tool(error, "cp", "--reflink=auto", "--no-target-directory", from, to, NULL);
}

static bool
write_recipe_json(const struct patch *patch, GError **error)
{
    const struct image_manifest *manifest = patch->manifest;
    g_autofree char *path = g_build_filename(patch->out, "recipe.json", NULL);
    g_autofree char *script = g_compute_checksum_for_string(G_CHECKSUM_SHA256, patch->script, -1);
    json_t *json = json_pack(
        "{s:s, s:s, s:i, s:b, s:s, s:{s:i, s:s, s:s, s:s}}", "kind", "disk", "cmdline",
        manifest->cmdline, "memory_min_mb", (int)manifest->memory_min_mb, "agent",
        (int)manifest->agent, "description", manifest->description, "patched", "revision",
        (int)manifest->revision, "digest", manifest->digest, "script", script, "note", patch->note);
    char *text = json != NULL ? json_dumps(json, JSON_INDENT(2)) : NULL;
    bool good = text != NULL && g_file_set_contents(path, text, -1, error);

    free(text);
    json_decref(json);
    return good;
}

/* The new revision, booted once as any desktop is. */
static bool
try_it(const struct patch *patch, GError **error)
{
    g_autofree char *trial = g_build_filename(patch->work, TRIAL, NULL);
    struct patchmachine_order order = {.folder = patch->work,
                                       .base = patch->out,
                                       .manifest = patch->manifest,
                                       .overlay = trial,
                                       .accel = patch->accel};
    struct patchmachine *machine =
        make_overlay(patch->out, trial, error) ? patchmachine_new(&order, error) : NULL;
    bool good = machine != NULL && patchmachine_wait_ready(machine, BOOT_SECONDS, error);

    patchmachine_free(machine);
    return good;
}

/*
 * Whether the overlay is still one, of the base and of nothing else. The machine could write to it,
 * and qemu-img, which may read every file here, would follow what it says.
 */
static bool
is_sound(const char *overlay, const char *folder, GError **error)
{
    g_autofree char *base = g_build_filename(folder, DISK, NULL);
    char name[IMAGE_BACKING_MAX + 1] = "";
    guint8 head[20];
    guint64 at;
    guint32 size;
    int fd = open(overlay, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool good = fd >= 0 && image_qcow2_check_file(fd, true, NULL, error) &&
                pread(fd, head, sizeof(head), 0) == sizeof(head);

    if (good) {
        memcpy(&at, head + 8, sizeof(at));
        memcpy(&size, head + 16, sizeof(size));
        size = GUINT32_FROM_BE(size);
        good = size == strlen(base) && size < sizeof(name) &&
               pread(fd, name, size, (off_t)GUINT64_FROM_BE(at)) == (ssize_t)size &&
               strcmp(name, base) == 0;
    }
    if (!good && *error == NULL) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_REFUSED,
                            "the machine's disk does not stand on the image any more");
    }
    vd_fd_clear(&fd);
    return good;
}

static bool
make(const struct patch *patch, GError **error)
{
    g_autofree char *overlay = g_build_filename(patch->work, OVERLAY, NULL);
    g_autofree char *disk = g_build_filename(patch->out, DISK, NULL);

    progress(2, "Booting the image");
    if (!make_overlay(patch->base, overlay, error) || !run_script(patch, overlay, error) ||
        !is_sound(overlay, patch->base, error)) {
        return false;
    }
    progress(70, "Writing the disk");
    if (!run_tool(error, "qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", overlay, disk,
                  NULL) ||
        !copy_file(patch, patch->manifest->kernel, error) ||
        !copy_file(patch, patch->manifest->initrd, error)) {
        return false;
    }
    progress(85, "Trying the new revision");
    return try_it(patch, error) && write_recipe_json(patch, error);
}

static const char *
setting(const char *name)
{
    const char *value = g_getenv(name);

    return value != NULL ? value : "";
}

int
main(void)
{
    struct patch patch = {.out = setting("VEDETTE_OUT"),
                          .work = setting("VEDETTE_WORK"),
                          .base = setting("VEDETTE_BASE"),
                          .note = setting("VEDETTE_NOTE"),
                          .seconds =
                              (unsigned)g_ascii_strtoull(setting("VEDETTE_SECONDS"), NULL, 10)};
    g_autoptr(GError) error = NULL;
    size_t size;
    int result;
    bool good;

    vd_log_init("vedette-patch");
    result = vd_file_read(setting("VEDETTE_SCRIPT"), PATCHMACHINE_MAX_SCRIPT, &patch.script, &size);
    if (result < 0 || size == 0 || strlen(patch.script) != size ||
        !g_utf8_validate(patch.script, -1, NULL)) {
        vd_error("patch",
                 "the script cannot be read, is empty, is longer than %u bytes, or is no text",
                 PATCHMACHINE_MAX_SCRIPT);
        return 1;
    }
    patch.accel = patchmachine_accel();
    patch.manifest = image_manifest_load(patch.base, &error);
    good = patch.manifest != NULL && make(&patch, &error);
    if (!good) {
        vd_error("patch", "%s", error != NULL ? error->message : "something failed");
    }
    image_manifest_free(patch.manifest);
    free(patch.script);
    return good ? 0 : 1;
}
