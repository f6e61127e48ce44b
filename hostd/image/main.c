/* SPDX-License-Identifier: Apache-2.0 */

/* vedette-image: builds, lists, publishes and removes revisions. vedettectl image runs it. */

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib.h>
#include <jansson.h>

#include "hostd/image/build.h"
#include "hostd/image/gc.h"
#include "hostd/image/main.h"
#include "hostd/image/store.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/base/options.h"

#define LOG_LINES 20

static const struct vd_option options[] = {
    {"recipe", VD_OPTION_STRING, offsetof(struct config, recipe), NULL, 0, 0, "FILE",
     "build: the program that makes the image"},
    {"images", VD_OPTION_STRING, offsetof(struct config, images), NULL, 0, 0, "DIR",
     "The folder that holds all images"},
    {"guest", VD_OPTION_STRING, offsetof(struct config, guest), NULL, 0, 0, "DIR",
     "build: the folder with the programs that run inside a desktop; default beside this program"},
    {"cache", VD_OPTION_STRING, offsetof(struct config, cache), NULL, 0, 0, "DIR",
     "build: downloads and logs, kept between builds; default /var/cache/vedette"},
    {"script", VD_OPTION_STRING, offsetof(struct config, script), NULL, 0, 0, "FILE",
     "patch: the shell script that root runs in the booted image"},
    {"note", VD_OPTION_STRING, offsetof(struct config, note), "", 0, 0, "TEXT",
     "patch: what it is for, one line; the list shows it"},
    {"rev", VD_OPTION_INT, offsetof(struct config, rev), "0", 0, IMAGE_REVISION_MAX, "N",
     "build, patch: the number of the new revision, above all that were there; 0 is the next one"},
    {"seconds", VD_OPTION_INT, offsetof(struct config, seconds), "3600", 1, 86400, "N",
     "patch: so long may the script take"},
    {"in-use", VD_OPTION_STRING, offsetof(struct config, in_use), NULL, 0, 0, "DIR",
     "State folder of this machine's host. gc: what its desktops and its trash need stays; "
     "export-desktop: where the desktop is; import-desktop: whose trash it goes to"},
    {"keep", VD_OPTION_INT, offsetof(struct config, keep), "2", 0, 1000, "N",
     "gc: so many of the newest revisions stay, whatever they are"},
    {"verify", VD_OPTION_FLAG, offsetof(struct config, verify), NULL, 0, 0, NULL,
     "list: read every file and compare its digest"},
    {"name", VD_OPTION_STRING, offsetof(struct config, name), NULL, 0, 0, "NAME",
     "import: the image that it becomes a revision of; default what the file or the appliance "
     "says"},
    {"user", VD_OPTION_STRING, offsetof(struct config, user), NULL, 0, 0, "NAME",
     "import-desktop: whose it will be; default whose it was"},
    {"pool", VD_OPTION_STRING, offsetof(struct config, pool), NULL, 0, 0, "NAME",
     "import-desktop: the pool that it will be in; default where it was"},
    {"json", VD_OPTION_FLAG, offsetof(struct config, json), NULL, 0, 0, NULL,
     "Print the result as JSON"},
};

static const struct vd_program program = {
    .name = "vedette-image",
    .summary = "Builds, lists and moves images of desktops.",
    .usage = "build NAME --recipe FILE | patch NAME[:REVISION] --script FILE | list | publish "
             "NAME:REVISION | rollback NAME | gc [NAME] | export NAME:REVISION FILE | import FILE "
             "[--name NAME] | export-desktop ID FILE | import-desktop FILE, each with --images DIR",
    .options = options,
    .option_count = G_N_ELEMENTS(options),
};

void
print_json(json_t *object)
{
    char *text = json_dumps(object, JSON_INDENT(2));

    printf("%s\n", text);
    free(text);
    json_decref(object);
}

int
usage_error(const char *text)
{
    fprintf(stderr, "vedette-image: %s; --help lists the options\n", text);
    return 2;
}

char *
own_folder(void)
{
    char *path = g_file_read_link("/proc/self/exe", NULL);
    char *folder = path == NULL ? g_strdup(".") : g_path_get_dirname(path);

    g_free(path);
    return folder;
}

void
report_failure(const struct config *config, const char *message, const char *log)
{
    char *tail = log == NULL ? NULL : image_log_tail(log, config->log_lines);

    if (tail != NULL && *tail != '\0') {
        fprintf(stderr, "%s\n", tail);
    }
    vd_error("image", "%s", message);
    if (log != NULL) {
        vd_error("image", "no revision was made; the whole log is in %s", log);
    }
    if (config->json) {
        json_t *object = json_pack("{s:s, s:s}", "error", "failed", "message", message);

        json_object_set_new(object, "log", log == NULL ? json_null() : json_string(log));
        print_json(object);
    }
    g_free(tail);
}

int
build_image(const struct config *config, const char *name)
{
    char *guest =
        config->guest != NULL ? g_canonicalize_filename(config->guest, NULL) : own_folder();
    char *user_cache = g_build_filename(g_get_user_cache_dir(), "vedette", NULL);
    char *cache = g_canonicalize_filename(config->cache != NULL ? config->cache
                                          : geteuid() == 0      ? "/var/cache/vedette"
                                                                : user_cache,
                                          NULL);
    char *recipe = g_canonicalize_filename(config->recipe, NULL);
    char *images = g_canonicalize_filename(config->images, NULL), *log = NULL;
    struct image_build build = {.name = name,
                                .recipe = recipe,
                                .images = images,
                                .guest = guest,
                                .cache = cache,
                                .revision = (guint)config->rev};
    gint64 start = vd_monotonic_us();
    GError *error = NULL;
    struct image_manifest *manifest = image_build_run(&build, &log, &error);

    if (manifest == NULL) {
        report_failure(config, error->message, log);
    } else if (config->json) {
        print_json(json_pack("{s:s, s:I, s:s, s:I, s:f}", "name", manifest->name, "revision",
                             (json_int_t)manifest->revision, "digest", manifest->digest, "size",
                             (json_int_t)image_manifest_size(manifest), "seconds",
                             (double)(vd_monotonic_us() - start) / G_USEC_PER_SEC));
    } else {
        printf("%s:%u ready after %.0f s, %.0f MB, %s\n", manifest->name, manifest->revision,
               (double)(vd_monotonic_us() - start) / G_USEC_PER_SEC,
               (double)image_manifest_size(manifest) / 1e6, manifest->digest);
    }
    g_clear_error(&error);
    g_free(log);
    g_free(images);
    g_free(recipe);
    g_free(cache);
    g_free(user_cache);
    g_free(guest);
    image_manifest_free(manifest);
    return manifest == NULL ? 1 : 0;
}

static int
run_build(const struct config *config, char **words)
{
    return config->recipe == NULL ? usage_error("--recipe is missing")
                                  : build_image(config, words[0]);
}

bool
parse_reference(const char *text, char **ret_name, guint *ret_revision)
{
    const char *colon = strrchr(text, ':');
    guint64 revision;

    if (colon == NULL ||
        !g_ascii_string_to_unsigned(colon + 1, 10, 1, IMAGE_REVISION_MAX, &revision, NULL)) {
        return false;
    }
    *ret_name = g_strndup(text, (gsize)(colon - text));
    *ret_revision = (guint)revision;
    return true;
}

static int
report_published(const struct config *config, const char *name, guint revision, GError *error)
{
    if (error != NULL) {
        report_failure(config, error->message, NULL);
        g_error_free(error);
        return 1;
    }
    if (config->json) {
        print_json(json_pack("{s:s, s:i}", "name", name, "published", (int)revision));
    } else {
        printf("%s:%u is published: new desktops are made of it.\n", name, revision);
    }
    return 0;
}

static int
run_publish(const struct config *config, char **words)
{
    GError *error = NULL;
    char *name = NULL;
    guint revision = 0;
    int status;

    if (!parse_reference(words[0], &name, &revision)) {
        return usage_error("publish wants NAME:REVISION");
    }
    (void)image_store_publish(config->images, name, revision, &error);
    status = report_published(config, name, revision, error);
    g_free(name);
    return status;
}

static int
run_rollback(const struct config *config, char **words)
{
    const char *name = words[0];
    GError *error = NULL;
    guint revision = image_store_rollback(config->images, name, &error);

    return report_published(config, name, revision, error);
}

static int
run_gc(const struct config *config, char **words)
{
    struct image_gc gc = {.images = config->images,
                          .name = words[0],
                          .in_use = config->in_use,
                          .keep = (guint)config->keep};
    GError *error = NULL;
    GPtrArray *removed = image_gc_run(&gc, &error);
    json_t *list = json_array();
    bool failed = error != NULL;

    for (guint i = 0; i < removed->len; i++) {
        json_array_append_new(list, json_string(removed->pdata[i]));
        if (!config->json) {
            printf("%s removed\n", (char *)removed->pdata[i]);
        }
    }
    if (failed) {
        report_failure(config, error->message, NULL);
        g_error_free(error);
        json_decref(list);
    } else if (config->json) {
        print_json(json_pack("{s:o}", "removed", list));
    } else {
        if (removed->len == 0) {
            printf("Nothing to remove.\n");
        }
        json_decref(list);
    }
    g_ptr_array_unref(removed);
    return failed ? 1 : 0;
}

static json_t *
entry_json(const struct config *config, const struct image_entry *entry)
{
    const struct image_manifest *m = entry->manifest;
    json_t *object =
        json_pack("{s:s, s:I}", "name", entry->name, "revision", (json_int_t)entry->revision);

    if (m == NULL || entry->problem != NULL) {
        json_object_set_new(object, "problem", json_string(entry->problem));
        return object;
    }
    json_object_set_new(object, "kind", json_string(m->kind == IMAGE_DISK ? "disk" : "kernel"));
    json_object_set_new(object, "created", json_string(m->created));
    json_object_set_new(object, "description", json_string(m->description));
    json_object_set_new(object, "size", json_integer((json_int_t)image_manifest_size(m)));
    json_object_set_new(object, "memory_min_mb", json_integer(m->memory_min_mb));
    json_object_set_new(object, "digest", json_string(m->digest));
    if (m->patched.revision != 0) {
        json_object_set_new(object, "patched", image_manifest_pack_origin(m));
    }
    json_object_set_new(
        object, "published",
        json_boolean(image_store_published(config->images, entry->name) == entry->revision));
    return object;
}

static void
print_entry(const struct config *config, const struct image_entry *entry)
{
    const struct image_manifest *m = entry->manifest;
    guint published = image_store_published(config->images, entry->name);
    const char *mark = published == 0                 ? ""
                       : published == entry->revision ? "  (published)"
                       : published < entry->revision  ? "  (candidate)"
                                                      : "";

    if (entry->problem != NULL) {
        printf("%s:%u  damaged: %s\n", entry->name, entry->revision, entry->problem);
        return;
    }
    printf("%s:%u  %-6s %6.0f MB  %s  %.19s  %s", entry->name, entry->revision,
           m->kind == IMAGE_DISK ? "disk" : "kernel", (double)image_manifest_size(m) / 1e6,
           m->created, m->digest, m->description);
    if (m->patched.revision != 0) {
        printf("; patched from %u%s%s", m->patched.revision, m->patched.note[0] != '\0' ? ": " : "",
               m->patched.note);
    }
    printf("%s\n", mark);
}

static int
run_list(const struct config *config, char **words G_GNUC_UNUSED)
{
    GError *error = NULL;
    GPtrArray *entries = image_store_list(config->images, &error);
    json_t *images = json_array();
    bool damaged = false;

    if (entries == NULL) {
        report_failure(config, error->message, NULL);
        g_error_free(error);
        json_decref(images);
        return 1;
    }
    for (guint i = 0; i < entries->len; i++) {
        struct image_entry *entry = entries->pdata[i];

        if (config->verify && entry->manifest != NULL &&
            !image_manifest_verify(entry->manifest, entry->path, &error)) {
            entry->problem = g_strdup(error->message);
            g_clear_error(&error);
        }
        damaged = damaged || entry->problem != NULL;
        json_array_append_new(images, entry_json(config, entry));
        if (!config->json) {
            print_entry(config, entry);
        }
    }
    if (config->json) {
        print_json(json_pack("{s:o}", "images", images));
    } else {
        json_decref(images);
    }
    g_ptr_array_unref(entries);
    return damaged ? 1 : 0;
}

/* A verb with so many words behind it, the last of which may be missing; argv ends with NULL. */
static const struct verb {
    const char *name;
    int words, optional;
    int (*run)(const struct config *config, char **words);
} verbs[] = {
    {"build", 1, 0, run_build},
    {"list", 0, 0, run_list},
    {"publish", 1, 0, run_publish},
    {"rollback", 1, 0, run_rollback},
    {"gc", 1, 1, run_gc},
    {"export", 2, 0, run_export},
    {"import", 1, 0, run_import},
    {"patch", 1, 0, run_patch},
    {"export-desktop", 2, 0, run_export_desktop},
    {"import-desktop", 1, 0, run_import_desktop},
};

int
main(int argc, char **argv)
{
    struct config config = {.log_lines = LOG_LINES};
    int left;

    vd_log_init("vedette-image");
    umask(022);
    left = vd_options_parse(&program, &config, argc, argv, false);
    if (left < 0) {
        return 2;
    }
    if (config.images == NULL) {
        return usage_error("--images is missing");
    }
    for (size_t i = 0; left < argc && i < G_N_ELEMENTS(verbs); i++) {
        const struct verb *verb = &verbs[i];
        int words = argc - left - 1;

        if (strcmp(argv[left], verb->name) == 0 && words >= verb->words - verb->optional &&
            words <= verb->words) {
            return verb->run(&config, argv + left + 1);
        }
    }
    return usage_error(
        "say build NAME, patch NAME, list, publish NAME:REVISION, rollback NAME, gc, "
        "export NAME:REVISION FILE, import FILE, export-desktop ID FILE or import-desktop FILE");
}
