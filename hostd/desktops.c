/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/desktops.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostd/kvm/spec.h"
#include "hostd/streamers.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define MAX_SLOT   65535
#define MAX_STATM  256u
#define BYTES_MIB  (1024u * 1024u)
#define NAME_CHARS "._-" G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS

struct desktop {
    struct hostd_desktops *owner;
    char *id;
    struct kvm_machine *machine; /* NULL: never seen here, and already wanted gone */
    struct hostd_streamer *streamer;
    json_t *stream;      /* what the broker wants streamed, JSON null for nothing; NULL: unheard */
    json_t *last_wanted; /* for a desktop without a machine: what the order said */
    bool wanted;         /* named by the list that is being applied */
    bool refused_epoch;  /* a lower epoch was refused and that was said */
};

struct hostd_desktops {
    const struct kvm_environment *environment;
    struct hostd_images *images;
    hostd_desktops_changed_fn changed;
    void *user_data;
    GHashTable *all; /* id -> struct desktop, owned */
    json_t *list;    /* the last one that was applied, or NULL */
};

/* One entry of the list, checked. Strings are borrowed from the message. */
struct want {
    struct kvm_order order;
    bool gone, polite;
    const json_t *stream;
};

static void
desktop_free(gpointer data)
{
    struct desktop *desktop = data;

    hostd_streamer_free(desktop->streamer);
    kvm_machine_free(desktop->machine);
    json_decref(desktop->stream);
    json_decref(desktop->last_wanted);
    g_free(desktop->id);
    g_free(desktop);
}

static void
on_streamer_changed(struct hostd_streamer *streamer G_GNUC_UNUSED, void *user_data)
{
    struct desktop *desktop = user_data;

    desktop->owner->changed(desktop->owner->user_data);
}

/* A streamer lives exactly as long as its machine runs. */
static void
match_streamer(struct desktop *desktop)
{
    enum kvm_state state = kvm_machine_state(desktop->machine);

    if (state == KVM_STATE_STOPPING || !kvm_machine_has_process(desktop->machine)) {
        hostd_streamer_end(desktop->streamer);
        desktop->streamer = NULL;
    } else if (desktop->streamer == NULL && kvm_machine_takes_display(desktop->machine)) {
        desktop->streamer = hostd_streamer_new(desktop->owner->environment, desktop->machine,
                                               on_streamer_changed, desktop);
        hostd_streamer_want(desktop->streamer, desktop->stream);
    } else if (desktop->streamer != NULL) {
        hostd_streamer_tend(desktop->streamer);
    }
}

static void
on_machine_changed(struct kvm_machine *machine G_GNUC_UNUSED, void *user_data)
{
    struct desktop *desktop = user_data;

    match_streamer(desktop);
    desktop->owner->changed(desktop->owner->user_data);
}

static struct desktop *
add_desktop(struct hostd_desktops *desktops, const char *id)
{
    struct desktop *desktop = g_new0(struct desktop, 1);

    desktop->owner = desktops;
    desktop->id = g_strdup(id);
    g_hash_table_insert(desktops->all, desktop->id, desktop);
    return desktop;
}

static void
adopt_all(struct hostd_desktops *desktops)
{
    GDir *folder = g_dir_open(desktops->environment->desktops, 0, NULL); /* none yet: nothing */
    const char *name;

    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        struct desktop *desktop;

        if (!kvm_spec_name_is_good(name)) {
            vd_warning("hostd", "a folder among the desktops that is none is left alone");
            continue;
        }
        desktop = add_desktop(desktops, name);
        desktop->machine =
            kvm_machine_adopt(desktops->environment, name, on_machine_changed, desktop);
        if (desktop->machine == NULL) {
            vd_notice("hostd", "%s: nothing was ever started there, removing its folder", name);
            kvm_machine_remove_folder(desktops->environment, name);
            g_hash_table_remove(desktops->all, name);
        } else {
            vd_notice("hostd", "%s: found, %s", name,
                      kvm_state_name(kvm_machine_state(desktop->machine)));
        }
    }
    if (folder != NULL) {
        g_dir_close(folder);
    }
}

struct hostd_desktops *
hostd_desktops_new(const struct kvm_environment *environment, struct hostd_images *images,
                   hostd_desktops_changed_fn changed, void *user_data)
{
    struct hostd_desktops *desktops = g_new0(struct hostd_desktops, 1);

    desktops->environment = environment;
    desktops->images = images;
    desktops->changed = changed;
    desktops->user_data = user_data;
    desktops->all = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, desktop_free);
    adopt_all(desktops);
    return desktops;
}

void
hostd_desktops_free(struct hostd_desktops *desktops)
{
    if (desktops != NULL) {
        g_hash_table_unref(desktops->all);
        json_decref(desktops->list);
        g_free(desktops);
    }
}

static bool
name_is_good(const char *name)
{
    return name != NULL && g_ascii_isalnum(name[0]) && strlen(name) <= 64 &&
           strspn(name, NAME_CHARS) == strlen(name);
}

/* Reads one entry; false when a field is missing or out of range. */
static bool
read_want(const json_t *entry, struct want *ret_want)
{
    const char *state, *accel;
    json_int_t epoch;
    int slot, revision, cpu, memory_mb;
    struct want want = {.stream = json_object_get(entry, "stream"),
                        .polite = json_is_true(json_object_get(entry, "polite"))};

    if (json_unpack((json_t *)(uintptr_t)entry,
                    "{s:s, s:i, s:s, s:s, s:i, s:I, s:i, s:i, s:s, s:s}", "id", &want.order.id,
                    "slot", &slot, "pool", &want.order.pool, "image", &want.order.image, "revision",
                    &revision, "epoch", &epoch, "cpu", &cpu, "memory_mb", &memory_mb, "accel",
                    &accel, "state", &state) < 0 ||
        !kvm_spec_name_is_good(want.order.id) || !name_is_good(want.order.pool) ||
        !name_is_good(want.order.image) || slot < 0 || slot > MAX_SLOT || revision < 1 ||
        epoch < 0 || cpu < 1 || memory_mb < 1) {
        return false;
    }
    want.order.slot = (unsigned)slot;
    want.order.revision = (unsigned)revision;
    want.order.epoch = (uint64_t)epoch;
    want.order.cpu = (unsigned)cpu;
    want.order.memory_mb = (unsigned)memory_mb;
    if (!kvm_display_parse(json_string_value(json_object_get(entry, "display")),
                           &want.order.display)) {
        return false;
    }
    want.order.want_kvm = strcmp(accel, "any") != 0;
    want.gone = strcmp(state, "gone") == 0;
    *ret_want = want;
    return want.gone || strcmp(state, "running") == 0;
}

/* Another desktop whose machine has this slot's user, or NULL. */
static const char *
slot_holder(const struct hostd_desktops *desktops, const struct kvm_order *order)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, desktops->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct desktop *other = value;

        if (other->machine != NULL && strcmp(other->id, order->id) != 0 &&
            kvm_machine_has_process(other->machine) &&
            kvm_machine_record(other->machine)->slot == order->slot) {
            return other->id;
        }
    }
    return NULL;
}

static void
start_desktop(struct hostd_desktops *desktops, struct desktop *desktop, struct kvm_order *order)
{
    const struct hostd_image *image =
        hostd_images_find(desktops->images, order->image, order->revision);
    const char *holder = slot_holder(desktops, order);
    g_autofree char *refused = NULL;

    if (image == NULL) {
        refused = g_strdup_printf("this host does not have the image %s:%u", order->image,
                                  order->revision);
    } else if (holder != NULL) {
        refused = g_strdup_printf("its slot %u is still taken by %s", order->slot, holder);
    } else if (image->check == HOSTD_IMAGE_DAMAGED) {
        refused = g_strdup_printf("the image %s:%u is damaged: %s", order->image, order->revision,
                                  image->problem);
    } else if (order->memory_mb < image->manifest->memory_min_mb) {
        refused = g_strdup_printf("the image wants %u MiB of memory at least, the pool gives %u",
                                  image->manifest->memory_min_mb, order->memory_mb);
    }
    if (image != NULL) {
        order->files = image->files;
    }
    order->refused = refused;
    desktop->machine = kvm_machine_start(desktops->environment, order, on_machine_changed, desktop);
    match_streamer(desktop);
    desktops->changed(desktops->user_data);
}

static void
remember_stream(struct desktop *desktop, const json_t *stream)
{
    json_decref(desktop->stream);
    desktop->stream = json_is_object(stream) ? json_deep_copy(stream) : json_null();
    if (desktop->streamer != NULL) {
        hostd_streamer_want(desktop->streamer, desktop->stream);
    }
}

/* An ended machine that is wanted again under a higher epoch is a new machine. */
static void
start_anew(struct hostd_desktops *desktops, struct desktop *desktop, struct kvm_order *order)
{
    hostd_streamer_end(desktop->streamer);
    desktop->streamer = NULL;
    kvm_machine_free(desktop->machine);
    desktop->machine = NULL;
    kvm_machine_remove_folder(desktops->environment, desktop->id);
    start_desktop(desktops, desktop, order);
}

/* A new desktop that has to wait until its image was checked; the list is applied again then. */
static bool
has_to_wait(struct hostd_desktops *desktops, const struct kvm_order *order)
{
    enum hostd_image_check check =
        hostd_images_find(desktops->images, order->image, order->revision) == NULL
            ? HOSTD_IMAGE_DAMAGED
            : hostd_images_check(desktops->images, order->image, order->revision);

    return check == HOSTD_IMAGE_CHECKING;
}

static void
apply_to_machine(struct hostd_desktops *desktops, struct desktop *desktop, struct want *want)
{
    uint64_t before = kvm_machine_record(desktop->machine)->epoch;
    enum kvm_state state = kvm_machine_state(desktop->machine);
    bool anew;

    if (want->order.epoch < before) {
        if (!desktop->refused_epoch) {
            vd_warning("hostd", "%s: refusing epoch %" PRIu64 ", it is at %" PRIu64, desktop->id,
                       want->order.epoch, before);
        }
        desktop->refused_epoch = true;
        return;
    }
    desktop->refused_epoch = false;
    anew = !want->gone && want->order.epoch > before &&
           !kvm_machine_has_process(desktop->machine) &&
           (state == KVM_STATE_GONE || state == KVM_STATE_FAILED);
    if (anew && has_to_wait(desktops, &want->order)) {
        return;
    }
    if (!kvm_machine_raise_epoch(desktop->machine, want->order.epoch)) {
        return; /* not on disk, not done; it is tried again with the next list */
    }
    if (want->gone) {
        remember_stream(desktop, NULL);
        kvm_machine_stop(desktop->machine, want->polite);
        match_streamer(desktop);
    } else if (anew) {
        start_anew(desktops, desktop, &want->order);
        remember_stream(desktop, want->stream);
    } else {
        remember_stream(desktop, want->stream);
    }
}

static void
apply_one(struct hostd_desktops *desktops, const json_t *entry)
{
    struct want want;
    struct desktop *desktop;

    if (!read_want(entry, &want)) {
        vd_warning("hostd", "skipping an order that makes no sense");
        return;
    }
    desktop = g_hash_table_lookup(desktops->all, want.order.id);
    if (desktop == NULL && g_hash_table_size(desktops->all) >= HOSTD_MAX_DESKTOPS) {
        vd_warning("hostd", "%s: refused, this host has %u desktops", want.order.id,
                   HOSTD_MAX_DESKTOPS);
        return;
    }
    if (desktop == NULL && !want.gone && has_to_wait(desktops, &want.order)) {
        return;
    }
    if (desktop == NULL) {
        desktop = add_desktop(desktops, want.order.id);
    }
    desktop->wanted = true;
    if (desktop->machine != NULL) {
        apply_to_machine(desktops, desktop, &want);
    } else if (!want.gone) {
        start_desktop(desktops, desktop, &want.order);
        remember_stream(desktop, want.stream);
    } else if (desktop->last_wanted == NULL) {
        desktop->last_wanted = json_deep_copy(entry); /* never here: that is as good as gone */
        desktops->changed(desktops->user_data);
    }
}

/* The broker has taken note of what is gone as soon as it names it no more. */
static gboolean
is_forgotten(gpointer key G_GNUC_UNUSED, gpointer value, gpointer user_data)
{
    struct hostd_desktops *desktops = user_data;
    struct desktop *desktop = value;

    if (desktop->wanted ||
        (desktop->machine != NULL && kvm_machine_state(desktop->machine) != KVM_STATE_GONE)) {
        return FALSE;
    }
    if (desktop->machine != NULL) {
        hostd_streamer_end(desktop->streamer);
        desktop->streamer = NULL;
        kvm_machine_remove_folder(desktops->environment, desktop->id);
    }
    desktops->changed(desktops->user_data);
    return TRUE;
}

void
hostd_desktops_apply_again(struct hostd_desktops *desktops)
{
    json_t *list = json_incref(desktops->list);

    if (list != NULL) {
        hostd_desktops_apply(desktops, list);
    }
    json_decref(list);
}

void
hostd_desktops_apply(struct hostd_desktops *desktops, json_t *wanted)
{
    GHashTableIter iter;
    gpointer value;
    size_t i;

    json_incref(wanted);
    json_decref(desktops->list);
    desktops->list = wanted;

    g_hash_table_iter_init(&iter, desktops->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        ((struct desktop *)value)->wanted = false;
    }
    /* Ends first: what they free, a slot or memory, may be what a start needs. */
    for (i = 0; i < json_array_size(wanted); i++) {
        const json_t *entry = json_array_get(wanted, i);

        if (g_strcmp0(json_string_value(json_object_get(entry, "state")), "gone") == 0) {
            apply_one(desktops, entry);
        }
    }
    for (i = 0; i < json_array_size(wanted); i++) {
        const json_t *entry = json_array_get(wanted, i);

        if (g_strcmp0(json_string_value(json_object_get(entry, "state")), "gone") != 0) {
            apply_one(desktops, entry);
        }
    }
    g_hash_table_foreach_remove(desktops->all, is_forgotten, desktops);
}

void
hostd_desktops_tend(struct hostd_desktops *desktops)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, desktops->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct desktop *desktop = value;

        if (desktop->machine != NULL) {
            kvm_machine_tend(desktop->machine);
            match_streamer(desktop);
        }
    }
}

bool
hostd_desktops_are_settled(const struct hostd_desktops *desktops)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, desktops->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct desktop *desktop = value;

        if (desktop->machine != NULL && !kvm_machine_is_settled(desktop->machine)) {
            return false;
        }
    }
    return true;
}

static json_t *
report_machine(const struct desktop *desktop)
{
    const struct kvm_record *record = kvm_machine_record(desktop->machine);
    const char *text = kvm_machine_text(desktop->machine);

    return json_pack(
        "{s:s, s:s, s:s, s:i, s:I, s:s, s:s, s:I, s:s, s:o}", "id", desktop->id, "pool",
        record->pool == NULL ? "" : record->pool, "image",
        record->image == NULL ? "" : record->image, "revision", (int)record->revision, "epoch",
        (json_int_t)record->epoch, "state", kvm_state_name(kvm_machine_state(desktop->machine)),
        "text", g_utf8_validate(text, -1, NULL) ? text : "", "since_ms",
        (json_int_t)record->since_ms, "accel", kvm_accel_name(record->accel), "stream",
        desktop->streamer != NULL ? hostd_streamer_report(desktop->streamer) : json_null());
}

static json_t *
report_unseen(const struct desktop *desktop)
{
    const json_t *order = desktop->last_wanted;

    return json_pack("{s:s, s:O, s:O, s:O, s:O, s:s, s:s, s:i, s:s, s:n}", "id", desktop->id,
                     "pool", json_object_get(order, "pool"), "image",
                     json_object_get(order, "image"), "revision",
                     json_object_get(order, "revision"), "epoch", json_object_get(order, "epoch"),
                     "state", "gone", "text", "", "since_ms", 0, "accel", "tcg", "stream");
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

static unsigned
touched_mb(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/statm", (int)pid);
    unsigned long pages = 0;
    char *text = NULL;
    char *resident;
    size_t size;

    if (vd_file_read(path, MAX_STATM, &text, &size) < 0) {
        return 0;
    }
    resident = strchr(text, ' ');
    if (resident != NULL) {
        pages = strtoul(resident, NULL, 10);
    }
    free(text);
    return (unsigned)(pages * (unsigned long)sysconf(_SC_PAGESIZE) / BYTES_MIB);
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

        if (record != NULL && (record->stage == KVM_STAGE_PREPARED || record->process.pid != 0)) {
            unsigned touched = record->process.pid == 0 ? 0 : touched_mb(record->process.pid);

            promised += record->memory_mb > touched ? record->memory_mb - touched : 0;
        }
    }
    return promised;
}
