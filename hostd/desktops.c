/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/desktops-private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostd/kvm/spec.h"
#include "hostd/footprint.h"
#include "hostd/streamers.h"
#include "hostd/want.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define MAX_SLOT 65535
/* A start keeps a processor busy: more at once only make all of them late. */
#define STARTS_PER_CPU 2

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

    desktop->owner->events->changed(desktop->owner->user_data);
}

static void
on_streamer_picture(struct hostd_streamer *streamer G_GNUC_UNUSED, json_t *message, void *user_data)
{
    struct desktop *desktop = user_data;

    desktop->owner->events->picture(message, desktop->owner->user_data);
}

static const struct hostd_streamer_events streamer_events = {.changed = on_streamer_changed,
                                                             .picture = on_streamer_picture};

/* A streamer lives exactly as long as its machine runs. */
static void
match_streamer(struct desktop *desktop)
{
    enum kvm_state state = kvm_machine_state(desktop->machine);

    if (state == KVM_STATE_STOPPING || state == KVM_STATE_PARKING ||
        !kvm_machine_has_process(desktop->machine)) {
        hostd_streamer_end(desktop->streamer);
        desktop->streamer = NULL;
    } else if (desktop->streamer == NULL && kvm_machine_takes_display(desktop->machine)) {
        desktop->streamer = hostd_streamer_new(desktop->owner->environment, desktop->machine,
                                               &streamer_events, desktop);
        hostd_streamer_want(desktop->streamer, desktop->stream, desktop->picture,
                            desktop->monitors);
    } else if (desktop->streamer != NULL) {
        hostd_streamer_tend(desktop->streamer);
    }
}

static gboolean
on_apply_again(gpointer user_data)
{
    struct hostd_desktops *desktops = user_data;

    desktops->again = 0;
    hostd_desktops_apply_again(desktops);
    return G_SOURCE_REMOVE;
}

/* One that was starting does so no more: the next one may. */
static void
start_waiting(struct hostd_desktops *desktops)
{
    if (desktops->waiting && desktops->again == 0) {
        desktops->again = g_idle_add(on_apply_again, desktops);
    }
}

/* Its template learns whether it is good for something. */
static void
note_fork(struct desktop *desktop)
{
    const struct kvm_record *record = kvm_machine_record(desktop->machine);

    if (record->forked && !desktop->noted && (record->ready || record->stage == KVM_STAGE_FAILED)) {
        desktop->noted = true;
        hostd_templates_note(desktop->owner->templates, record, record->ready);
    }
}

static void
on_machine_changed(struct kvm_machine *machine G_GNUC_UNUSED, void *user_data)
{
    struct desktop *desktop = user_data;

    match_streamer(desktop);
    note_fork(desktop);
    start_waiting(desktop->owner);
    desktop->owner->events->changed(desktop->owner->user_data);
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
        if (desktop->machine == NULL || !kvm_machine_has_process(desktop->machine)) {
            hostd_streamer_end_left(desktops->environment, name);
        }
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
                   struct hostd_templates *templates, const struct hostd_desktops_events *events,
                   void *user_data)
{
    struct hostd_desktops *desktops = g_new0(struct hostd_desktops, 1);

    desktops->environment = environment;
    desktops->images = images;
    desktops->templates = templates;
    desktops->max_starting = (unsigned)sysconf(_SC_NPROCESSORS_ONLN) * STARTS_PER_CPU;
    desktops->events = events;
    desktops->user_data = user_data;
    desktops->all = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, desktop_free);
    adopt_all(desktops);
    return desktops;
}

void
hostd_desktops_free(struct hostd_desktops *desktops)
{
    if (desktops != NULL) {
        if (desktops->again != 0) {
            g_source_remove(desktops->again);
        }
        g_hash_table_unref(desktops->all);
        json_decref(desktops->list);
        g_free(desktops);
    }
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
    order->refused = refused;
    desktop->waiting = false;
    desktop->noted = false;
    desktop->machine = kvm_machine_start(desktops->environment, order, on_machine_changed, desktop);
    match_streamer(desktop);
    desktops->events->changed(desktops->user_data);
}

static void
remember_stream(struct desktop *desktop, const struct hostd_want *want)
{
    desktop->picture = want->picture;
    desktop->monitors = want->monitors;
    json_decref(desktop->stream);
    desktop->stream = json_is_object(want->stream) ? json_deep_copy(want->stream) : json_null();
    if (desktop->streamer != NULL) {
        hostd_streamer_want(desktop->streamer, desktop->stream, desktop->picture,
                            desktop->monitors);
    }
}

/* An ended machine that is wanted again is a new machine, if need be on the old one's disk. */
static void
start_anew(struct hostd_desktops *desktops, struct desktop *desktop, struct kvm_order *order)
{
    enum kvm_state state = kvm_machine_state(desktop->machine);

    hostd_streamer_end(desktop->streamer);
    desktop->streamer = NULL;
    kvm_machine_free(desktop->machine);
    desktop->machine = NULL;
    if (state != KVM_STATE_STOPPED && state != KVM_STATE_PARKED) {
        /* Else its disk is what it starts from. */
        kvm_machine_remove_folder(desktops->environment, desktop->id);
    }
    start_desktop(desktops, desktop, order);
}

static unsigned
count_starting(const struct hostd_desktops *desktops)
{
    GHashTableIter iter;
    gpointer value;
    unsigned count = 0;

    g_hash_table_iter_init(&iter, desktops->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct desktop *desktop = value;

        count +=
            desktop->machine != NULL && kvm_machine_state(desktop->machine) == KVM_STATE_STARTING;
    }
    return count;
}

/*
 * A new desktop that has to wait: for its image to be checked, for its template, for room on the
 * disk, or because as many as this host can start at once are starting. The list is applied again
 * then. Completes the order.
 */
static bool
has_to_wait(struct hostd_desktops *desktops, struct hostd_want *want)
{
    struct kvm_order *order = &want->order;
    const struct hostd_image *image =
        hostd_images_find(desktops->images, order->image, order->revision);
    const char *text;

    if (image == NULL) {
        return false;
    }
    if (hostd_images_check(desktops->images, order->image, order->revision) ==
        HOSTD_IMAGE_CHECKING) {
        return true;
    }
    order->files = image->files;
    if (want->fork && order->origin == NULL && image->check == HOSTD_IMAGE_SOUND &&
        order->memory_mb >= image->manifest->memory_min_mb &&
        !(order->want_kvm && desktops->environment->accel != KVM_ACCEL_KVM) &&
        hostd_templates_find(desktops->templates, order, &order->fork, &text) == HOSTD_FORK_WAIT) {
        return true;
    }
    return (desktops->room == KVM_ROOM_NONE && !order->wake) ||
           count_starting(desktops) >= desktops->max_starting;
}

static void
remember_waiting(struct desktop *desktop, const json_t *entry)
{
    desktop->owner->waiting = true;
    if (!desktop->waiting) {
        desktop->waiting = true;
        json_decref(desktop->last_wanted);
        desktop->last_wanted = json_deep_copy(entry);
        desktop->owner->events->changed(desktop->owner->user_data);
    }
}

static void
apply_to_machine(struct hostd_desktops *desktops, struct desktop *desktop, struct hostd_want *want)
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
    anew = !want->gone && !want->stopped && !kvm_machine_has_process(desktop->machine) &&
           (state == KVM_STATE_STOPPED || (state == KVM_STATE_PARKED && !want->parked) ||
            (want->order.epoch > before && (state == KVM_STATE_GONE || state == KVM_STATE_FAILED)));
    if (state == KVM_STATE_STOPPED || state == KVM_STATE_PARKED) {
        want->fork = false; /* it has a disk with somebody's things on it */
        want->order.wake = state == KVM_STATE_PARKED;
    }
    if (anew && has_to_wait(desktops, want)) {
        desktops->waiting = true;
        return;
    }
    if (!kvm_machine_raise_epoch(desktop->machine, want->order.epoch)) {
        return; /* not on disk, not done; it is tried again with the next list */
    }
    kvm_machine_note_owner(desktop->machine, want->order.user, want->order.kept,
                           want->order.keep_ms);
    if (want->gone || want->stopped) {
        remember_stream(desktop, &(struct hostd_want){.monitors = 1});
        kvm_machine_stop(desktop->machine, want->polite, want->stopped);
        match_streamer(desktop);
        return;
    }
    if (anew) {
        start_anew(desktops, desktop, &want->order);
    }
    if (state == KVM_STATE_PARKING && !want->parked) {
        desktops->waiting = true; /* it is brought back when it is parked */
    }
    desktop->park = want->parked;
    remember_stream(desktop, want);
    kvm_machine_sign_in(desktop->machine, want->account);
}

static void
apply_one(struct hostd_desktops *desktops, const json_t *entry)
{
    struct hostd_want want;
    struct desktop *desktop;

    if (!hostd_want_read(entry, &want)) {
        vd_warning("hostd", "skipping an order that makes no sense");
        return;
    }
    desktop = g_hash_table_lookup(desktops->all, want.order.id);
    if (desktop == NULL && g_hash_table_size(desktops->all) >= HOSTD_MAX_DESKTOPS) {
        vd_warning("hostd", "%s: refused, this host has %u desktops", want.order.id,
                   HOSTD_MAX_DESKTOPS);
        return;
    }
    if (desktop == NULL) {
        desktop = add_desktop(desktops, want.order.id);
    }
    desktop->wanted = true;
    if (desktop->machine != NULL) {
        apply_to_machine(desktops, desktop, &want);
    } else if (!want.gone && !want.stopped && has_to_wait(desktops, &want)) {
        remember_waiting(desktop, entry);
    } else if (!want.gone && !want.stopped) {
        start_desktop(desktops, desktop, &want.order);
        desktop->park = want.parked;
        remember_stream(desktop, &want);
        kvm_machine_sign_in(desktop->machine, want.account);
    } else if (desktop->last_wanted == NULL || desktop->waiting) {
        desktop->waiting = false;
        json_decref(desktop->last_wanted);
        desktop->last_wanted = json_deep_copy(entry); /* never here: that is as good as gone */
        desktops->events->changed(desktops->user_data);
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
    desktops->events->changed(desktops->user_data);
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
    desktops->waiting = false;

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
hostd_desktops_tend(struct hostd_desktops *desktops, enum kvm_room room)
{
    GHashTableIter iter;
    gpointer value;

    if (desktops->room == KVM_ROOM_NONE && room != KVM_ROOM_NONE) {
        start_waiting(desktops);
    }
    desktops->room = room;
    g_hash_table_iter_init(&iter, desktops->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct desktop *desktop = value;

        if (desktop->machine != NULL) {
            kvm_machine_tend(desktop->machine, room);
            if (desktop->park && room == KVM_ROOM_ENOUGH) {
                kvm_machine_park(desktop->machine);
            }
            if (kvm_machine_record(desktop->machine)->forked) {
                hostd_templates_touch(desktops->templates, kvm_machine_record(desktop->machine));
            }
            match_streamer(desktop);
        }
    }
}

const char *
hostd_desktops_parked_with(const struct hostd_desktops *desktops, const char *pool,
                           const char *user)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, desktops->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct desktop *desktop = value;
        const struct kvm_record *record =
            desktop->machine == NULL ? NULL : kvm_machine_record(desktop->machine);

        if (record != NULL && record->userdisk &&
            (record->stage == KVM_STAGE_PARKED || (record->woken && !record->ready)) &&
            g_strcmp0(record->pool, pool) == 0 && g_strcmp0(record->user, user) == 0) {
            return desktop->id;
        }
    }
    return NULL;
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
