/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/templates.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "hostd/image/store.h"
#include "hostd/kvm/ramfile.h"
#include "hostd/templatework.h"
#include "hostd/kvm/template.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define TEMPLATE_SLOT (VD_LAUNCH_MAX_SLOT - 1) /* far above any desktop's */
#define TEMPLATE_POOL "templates"
#define BYTES_MIB     (UINT64_C(1024) * 1024)
#define MAX_FAILURES  2 /* below the number that sets a pool aside unless told otherwise */
#define RETRY_US      (10 * 60 * G_USEC_PER_SEC) /* then what failed is tried again */
#define IDLE_US       (10 * 60 * G_USEC_PER_SEC) /* then an unused one is kept on disk only */
#define WANTED_US     (15 * G_USEC_PER_SEC)      /* orders are repeated every five seconds */
#define MAX_TEMPLATES 64u

enum state {
    STATE_QUEUED,   /* another one is being made */
    STATE_LOADING,  /* from disk, on a thread */
    STATE_BOOTING,  /* its guest is not ready yet */
    STATE_FREEZING, /* until its process has ended */
    STATE_READY,
    STATE_FAILED,
    STATE_DOOMED, /* to be forgotten as soon as its process is gone */
};

static const char *const state_names[] = {"queued", "loading", "booting", "freezing",
                                          "ready",  "failed",  "removing"};

struct item {
    struct hostd_templates *owner;
    char *name;                                              /* of its folder */
    char *folder;                                            /* path */
    char *image, *digest, *cmdline, *disk, *kernel, *initrd; /* owned copies of the order's */
    struct kvm_shape shape;                                  /* strings are ours or the owner's */
    struct kvm_image files;
    enum state state;
    char *text;
    struct kvm_machine *machine; /* while it is made */
    int ram_fd;                  /* likewise */
    struct kvm_template *template;
    unsigned failures;
    int64_t since_us; /* of the state */
    int64_t used_us;  /* when it was last wanted */
    bool saving;      /* a thread works in its folder */
};

struct hostd_templates {
    struct kvm_environment environment; /* with templates in place of desktops */
    const struct hostd_images *images;
    char *folder, *engine;
    GHashTable *all; /* name -> struct item, owned */
    GCancellable *cancellable;
    hostd_templates_changed_fn changed;
    void *user_data;
};

static void
item_free(gpointer data)
{
    struct item *item = data;

    kvm_machine_free(item->machine);
    kvm_template_free(item->template);
    vd_fd_clear(&item->ram_fd);
    g_free(item->name);
    g_free(item->folder);
    g_free(item->image);
    g_free(item->digest);
    g_free(item->cmdline);
    g_free(item->disk);
    g_free(item->kernel);
    g_free(item->initrd);
    g_free(item->text);
    g_free(item);
}

static struct item *
add_item(struct hostd_templates *templates, const char *name)
{
    struct item *item = g_new0(struct item, 1);

    item->owner = templates;
    item->name = g_strdup(name);
    item->folder = g_build_filename(templates->folder, name, NULL);
    item->ram_fd = -1;
    item->since_us = item->used_us = vd_monotonic_us();
    g_hash_table_insert(templates->all, item->name, item);
    return item;
}

static void
set_state(struct item *item, enum state state, const char *text)
{
    item->state = state;
    item->since_us = vd_monotonic_us();
    g_free(item->text);
    item->text = g_strdup(text);
    item->owner->changed(item->owner->user_data);
}

static void
fail(struct item *item, const char *text)
{
    g_autofree char *whole = g_strdup_printf("%s:%u cannot be forked, its desktops are booted: %s",
                                             item->image, item->shape.revision, text);

    vd_warning("templates", "%s", whole);
    set_state(item, STATE_FAILED, whole);
}

static void
remove_folder(const char *folder)
{
    int result = image_remove_tree(folder);

    if (result < 0 && result != -ENOENT) {
        vd_warning("templates", "cannot remove %s: %s", folder, strerror(-result));
    }
}

static void boot_next(struct hostd_templates *templates);

static void
on_loaded(const char *name, struct kvm_template *template, const GError *error, void *user_data)
{
    struct hostd_templates *templates = user_data;
    struct item *item = g_hash_table_lookup(templates->all, name);

    if (item == NULL || item->state != STATE_LOADING) {
        kvm_template_free(template);
        return;
    }
    if (template != NULL) {
        item->template = template;
        set_state(item, STATE_READY, NULL);
        return;
    }
    if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)) {
        vd_warning("templates", "%s, making it anew: %s", item->folder, error->message);
    }
    remove_folder(item->folder);
    set_state(item, STATE_QUEUED, NULL);
    boot_next(templates);
}

static void
on_saved(const char *name, int result, void *user_data)
{
    struct hostd_templates *templates = user_data;
    struct item *item = g_hash_table_lookup(templates->all, name);

    if (item != NULL) {
        item->saving = false;
    }
    if (result < 0) { /* it serves as long as this process lives */
        vd_warning("templates", "a template is not kept on disk: %s", strerror(-result));
    }
}

static void
on_frozen(const char *text, void *user_data)
{
    struct item *item = user_data;
    int saved_fd;

    if (text == NULL && !kvm_ramfile_seal(item->ram_fd)) {
        text = "its memory is still being written to";
    }
    if (text != NULL) {
        fail(item, text);
        return;
    }
    saved_fd = fcntl(item->ram_fd, F_DUPFD_CLOEXEC, 0);
    item->template = kvm_template_new(item->folder, item->ram_fd);
    item->ram_fd = -1;
    item->saving = true;
    hostd_templatework_save(&item->shape, item->name, item->folder, saved_fd,
                            item->owner->cancellable, on_saved, item->owner);
    vd_notice("templates", "%s:%u can be forked", item->image, item->shape.revision);
    set_state(item, STATE_READY, NULL);
}

static void
freeze(struct item *item)
{
    g_autofree char *path = g_build_filename(item->folder, KVM_TEMPLATE_STATE, NULL);
    int fd;

    if (!kvm_machine_renews(item->machine)) {
        fail(item, "its agent cannot be given another identity; build the image anew");
        return;
    }
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        fail(item, "its folder cannot be written");
        return;
    }
    set_state(item, STATE_FREEZING, NULL);
    kvm_machine_freeze(item->machine, fd, on_frozen, item);
}

static void
on_machine_changed(struct kvm_machine *machine, void *user_data)
{
    struct item *item = user_data;
    enum kvm_state state = kvm_machine_state(machine);

    if (item->state == STATE_BOOTING && state == KVM_STATE_READY) {
        freeze(item);
    } else if ((item->state == STATE_BOOTING || item->state == STATE_FREEZING) &&
               (state == KVM_STATE_FAILED || state == KVM_STATE_GONE)) {
        fail(item, kvm_machine_text(machine));
    }
}

static void
boot(struct item *item)
{
    struct kvm_order order = {.id = item->name,
                              .pool = TEMPLATE_POOL,
                              .image = item->image,
                              .revision = item->shape.revision,
                              .slot = TEMPLATE_SLOT,
                              .epoch = 1,
                              .cpu = item->shape.cpu,
                              .memory_mb = item->shape.memory_mb,
                              .network = item->shape.network ? "" : NULL,
                              .display = KVM_DISPLAY_DBUS,
                              .files = item->files};

    item->ram_fd = kvm_ramfile_new(item->shape.memory_mb * BYTES_MIB);
    if (item->ram_fd < 0) {
        fail(item, strerror(-item->ram_fd));
        item->ram_fd = -1;
        return;
    }
    order.template_ram_fd = item->ram_fd;
    vd_notice("templates", "making a template of %s:%u with %u processors and %u MiB", item->image,
              item->shape.revision, item->shape.cpu, item->shape.memory_mb);
    set_state(item, STATE_BOOTING, NULL);
    item->machine = kvm_machine_start(&item->owner->environment, &order, on_machine_changed, item);
    on_machine_changed(item->machine, item);
}

/* One at a time: two would only take each other's processors. */
static void
boot_next(struct hostd_templates *templates)
{
    struct item *next = NULL;
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, templates->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct item *item = value;

        if (item->machine != NULL) {
            return;
        }
        if (item->state == STATE_QUEUED && (next == NULL || item->since_us < next->since_us)) {
            next = item;
        }
    }
    if (next != NULL) {
        boot(next);
    }
}

/* A folder from before: finished ones of images that are gone and unfinished ones go. */
static void
look_at_folder(struct hostd_templates *templates, const char *name)
{
    g_autofree char *folder = g_build_filename(templates->folder, name, NULL);
    json_t *found = kvm_template_describe(folder);
    const char *image = json_string_value(json_object_get(found, "image"));
    json_int_t revision = json_integer_value(json_object_get(found, "revision"));

    if (found == NULL) {
        struct item *item = add_item(templates, name);

        item->state = STATE_DOOMED;
        item->machine = kvm_machine_adopt(&templates->environment, name, on_machine_changed, item);
    } else if (image == NULL || revision < 1 || revision > IMAGE_REVISION_MAX ||
               hostd_images_find(templates->images, image, (unsigned)revision) == NULL ||
               g_strcmp0(json_string_value(json_object_get(found, "engine")), templates->engine) !=
                   0) {
        remove_folder(folder);
    }
    json_decref(found);
}

struct hostd_templates *
hostd_templates_new(const struct kvm_environment *environment, const struct hostd_images *images,
                    const char *folder, const char *engine, hostd_templates_changed_fn changed,
                    void *user_data)
{
    struct hostd_templates *templates = g_new0(struct hostd_templates, 1);
    int made = vd_mkdir_all(folder, 0700);
    GDir *entries = g_dir_open(folder, 0, NULL); /* made says what is wrong */
    const char *name;

    if (made < 0) {
        vd_error("templates", "cannot make %s: %s", folder, strerror(-made));
    }
    templates->environment = *environment;
    templates->folder = g_strdup(folder);
    templates->environment.desktops = templates->folder;
    templates->engine = g_strdup(engine);
    templates->images = images;
    templates->changed = changed;
    templates->user_data = user_data;
    templates->cancellable = g_cancellable_new();
    templates->all = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, item_free);
    while (entries != NULL && (name = g_dir_read_name(entries)) != NULL) {
        look_at_folder(templates, name);
    }
    if (entries != NULL) {
        g_dir_close(entries);
    }
    return templates;
}

void
hostd_templates_free(struct hostd_templates *templates)
{
    if (templates != NULL) {
        g_cancellable_cancel(templates->cancellable);
        g_object_unref(templates->cancellable);
        g_hash_table_unref(templates->all);
        g_free(templates->folder);
        g_free(templates->engine);
        g_free(templates);
    }
}

static void
fill_item(struct item *item, const struct kvm_order *order, const char *digest)
{
    item->image = g_strdup(order->image);
    item->digest = g_strdup(digest);
    item->disk = g_strdup(order->files.disk);
    item->kernel = g_strdup(order->files.kernel);
    item->initrd = g_strdup(order->files.initrd);
    item->cmdline = g_strdup(order->files.cmdline);
    item->files = (struct kvm_image){.disk = item->disk,
                                     .kernel = item->kernel,
                                     .initrd = item->initrd,
                                     .cmdline = item->cmdline,
                                     .agent = order->files.agent};
    item->shape = (struct kvm_shape){.image = item->image,
                                     .digest = item->digest,
                                     .revision = order->revision,
                                     .cpu = order->cpu,
                                     .memory_mb = order->memory_mb,
                                     .network = order->network != NULL,
                                     .accel = item->owner->environment.accel,
                                     .engine = item->owner->engine};
}

static void
load(struct item *item)
{
    set_state(item, STATE_LOADING, NULL);
    hostd_templatework_load(&item->shape, item->name, item->folder, item->owner->cancellable,
                            on_loaded, item->owner);
}

/* NULL when there is no room for another one. */
static struct item *
get_item(struct hostd_templates *templates, const struct kvm_order *order, const char *digest)
{
    struct kvm_shape shape = {.image = order->image,
                              .digest = digest,
                              .revision = order->revision,
                              .cpu = order->cpu,
                              .memory_mb = order->memory_mb,
                              .network = order->network != NULL,
                              .accel = templates->environment.accel,
                              .engine = templates->engine};
    g_autofree char *name = kvm_template_name(&shape);
    struct item *item = g_hash_table_lookup(templates->all, name);

    if (item == NULL && g_hash_table_size(templates->all) < MAX_TEMPLATES) {
        item = add_item(templates, name);
        fill_item(item, order, digest);
        load(item);
    } else if (item != NULL && item->state == STATE_FAILED && item->machine == NULL &&
               vd_monotonic_us() - item->since_us > RETRY_US) {
        item->failures = 0;
        load(item);
    }
    return item;
}

enum hostd_fork
hostd_templates_find(struct hostd_templates *templates, const struct kvm_order *order,
                     const struct kvm_template **ret_template, const char **ret_text)
{
    const struct hostd_image *image =
        hostd_images_find(templates->images, order->image, order->revision);
    struct item *item;

    *ret_text = NULL;
    if (image == NULL || !order->files.agent || order->display != KVM_DISPLAY_DBUS) {
        *ret_text = "only an image with an agent on a D-Bus display can be forked";
        return HOSTD_FORK_NEVER;
    }
    item = get_item(templates, order, image->manifest->digest);
    if (item == NULL) {
        *ret_text = "this host has as many templates as it may";
        return HOSTD_FORK_NEVER;
    }
    item->used_us = vd_monotonic_us();
    switch (item->state) {
    case STATE_READY:
        *ret_template = item->template;
        return HOSTD_FORK_READY;
    case STATE_FAILED:
        *ret_text = item->text;
        return HOSTD_FORK_NEVER;
    case STATE_QUEUED:
    case STATE_LOADING:
    case STATE_BOOTING:
    case STATE_FREEZING:
    case STATE_DOOMED:
        break;
    }
    *ret_text = "its template is being made";
    return HOSTD_FORK_WAIT;
}

static struct item *
item_of(const struct hostd_templates *templates, const struct kvm_record *record)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, templates->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct item *item = value;

        if (item->image != NULL && item->shape.revision == record->revision &&
            item->shape.cpu == record->cpu && item->shape.memory_mb == record->memory_mb &&
            item->shape.network == record->network && strcmp(item->image, record->image) == 0) {
            return item;
        }
    }
    return NULL;
}

void
hostd_templates_note(struct hostd_templates *templates, const struct kvm_record *record, bool good)
{
    struct item *item = item_of(templates, record);

    if (item == NULL || item->state != STATE_READY) {
        return;
    }
    item->failures = good ? 0 : item->failures + 1;
    if (item->failures >= MAX_FAILURES) {
        fail(item, "two forks in a row did not become ready");
    }
}

void
hostd_templates_touch(struct hostd_templates *templates, const struct kvm_record *record)
{
    struct item *item = item_of(templates, record);

    if (item != NULL) {
        item->used_us = vd_monotonic_us();
    }
}

/* What was made or has to go; true: the item itself can be forgotten. */
static bool
tend_item(struct item *item)
{
    bool unwanted = item->state == STATE_FAILED || item->state == STATE_DOOMED;
    const struct hostd_templates *templates = item->owner;

    /* A guest that does not come up would keep the next template waiting for minutes. */
    if ((item->state == STATE_BOOTING || item->state == STATE_QUEUED) &&
        vd_monotonic_us() - item->used_us > WANTED_US) {
        vd_notice("templates", "%s:%u: nobody waits for its template any more", item->image,
                  item->shape.revision);
        set_state(item, STATE_DOOMED, NULL);
        unwanted = true;
    }
    if (item->machine != NULL && (unwanted || item->state == STATE_READY)) {
        if (unwanted && kvm_machine_has_process(item->machine)) {
            kvm_machine_stop(item->machine, false, false);
        }
        if (kvm_machine_has_process(item->machine)) {
            return false;
        }
        kvm_machine_free(item->machine);
        item->machine = NULL;
    }
    if (unwanted && item->machine == NULL && !item->saving) {
        g_clear_pointer(&item->template, kvm_template_free);
        vd_fd_clear(&item->ram_fd);
        remove_folder(item->folder);
    }
    if (item->state == STATE_READY && !item->saving) {
        if (hostd_images_find(templates->images, item->image, item->shape.revision) == NULL) {
            remove_folder(item->folder);
            return true;
        }
        /* Its memory is one file read away. */
        return vd_monotonic_us() - item->used_us > IDLE_US;
    }
    return item->state == STATE_DOOMED;
}

void
hostd_templates_tend(struct hostd_templates *templates)
{
    GHashTableIter iter;
    gpointer value;
    bool removed = false;

    g_hash_table_iter_init(&iter, templates->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (tend_item(value)) {
            g_hash_table_iter_remove(&iter);
            removed = true;
        }
    }
    boot_next(templates);
    if (removed) {
        templates->changed(templates->user_data);
    }
}

const char *
hostd_templates_trouble(const struct hostd_templates *templates)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, templates->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct item *item = value;

        if (item->state == STATE_FAILED) {
            return item->text;
        }
    }
    return NULL;
}

json_t *
hostd_templates_report(const struct hostd_templates *templates)
{
    json_t *report = json_array();
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, templates->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct item *item = value;

        if (item->image != NULL) {
            json_array_append_new(
                report,
                json_pack("{s:s, s:i, s:i, s:i, s:s, s:s}", "image", item->image, "revision",
                          (int)item->shape.revision, "cpu", (int)item->shape.cpu, "memory_mb",
                          (int)item->shape.memory_mb, "state", state_names[item->state], "text",
                          item->text == NULL ? "" : item->text));
        }
    }
    return report;
}
