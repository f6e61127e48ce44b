/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/hostmsg.h"

#include <string.h>

#include "broker/jsonget.h"
#include "broker/name.h"
#include "protocol/base/base64.h"
#include "protocol/codec/small.h"

#define MAX_CPUS      65536u
#define MAX_MEMORY_MB (1024u * 1024u * 1024u)
#define MAX_MIPS      1000000000u
#define MAX_REVISION  1000000000u

static bool
parse_hello(const json_t *json, struct broker_hostmsg *message)
{
    const json_t *accel = json_object_get(json, "accel");
    char kind[8];
    unsigned version;

    if (!broker_json_unsigned(json, "version", 1, &version) || version != 1 ||
        !broker_json_text(json, "host", message->hello.host, sizeof(message->hello.host)) ||
        !broker_json_text(json, "boot_id", message->hello.boot_id,
                          sizeof(message->hello.boot_id)) ||
        !broker_json_unsigned(json, "cpus", MAX_CPUS, &message->hello.cpus) ||
        !broker_json_unsigned(json, "memory_mb", MAX_MEMORY_MB, &message->hello.memory_mb) ||
        !json_is_object(accel) || !broker_json_text(accel, "kind", kind, sizeof(kind)) ||
        !broker_json_unsigned(accel, "mips", MAX_MIPS, &message->hello.mips) ||
        !broker_json_text_cut(accel, "text", message->hello.accel_text,
                              sizeof(message->hello.accel_text))) {
        return false;
    }
    message->hello.kvm = strcmp(kind, "kvm") == 0;
    return (message->hello.kvm || strcmp(kind, "tcg") == 0) &&
           broker_name_is_valid(message->hello.host);
}

static bool
parse_state(const char *text, enum broker_state *ret_state)
{
    static const enum broker_state states[] = {BROKER_STARTING, BROKER_READY,   BROKER_STOPPING,
                                               BROKER_GONE,     BROKER_FAILED,  BROKER_STOPPED,
                                               BROKER_UNKNOWN,  BROKER_PARKING, BROKER_PARKED};
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(states); i++) {
        if (strcmp(text, broker_state_name(states[i])) == 0) {
            *ret_state = states[i];
            return true;
        }
    }
    return false;
}

/* Missing ones are 0; one that is no number, or absurd, is nonsense. */
static bool
parse_figures(const json_t *json, struct broker_figures *ret)
{
    size_t i;

    if (json == NULL) {
        return true;
    }
    for (i = 0; i < BROKER_FIGURES; i++) {
        if (json_object_get(json, broker_figure_names[i]) != NULL &&
            !broker_json_unsigned(json, broker_figure_names[i], UINT32_MAX, &ret->value[i])) {
            return false;
        }
    }
    ret->known = json_is_object(json);
    return ret->known;
}

static bool
parse_desktop(const json_t *json, struct broker_seen_desktop *ret)
{
    const json_t *stream = json_object_get(json, "stream");
    char state[16];

    if (!json_is_object(json) || !broker_json_text(json, "id", ret->id, sizeof(ret->id)) ||
        !broker_id_is_valid(ret->id, 'd') || !broker_json_int64(json, "epoch", &ret->epoch) ||
        !broker_json_text(json, "state", state, sizeof(state)) ||
        !parse_state(state, &ret->state) ||
        !broker_json_text_cut(json, "text", ret->text, sizeof(ret->text))) {
        return false;
    }
    if (!broker_json_int64(json, "since_ms", &ret->since_ms)) {
        ret->since_ms = 0;
    }
    ret->signed_in = json_is_true(json_object_get(json, "signed_in"));
    if (json_object_get(json, "promise_mb") != NULL &&
        !broker_json_unsigned(json, "promise_mb", MAX_MEMORY_MB, &ret->promise_mb)) {
        return false;
    }
    if (json_is_object(stream)) {
        return broker_json_text(stream, "id", ret->stream, sizeof(ret->stream)) &&
               parse_figures(json_object_get(stream, "figures"), &ret->figures);
    }
    return stream == NULL || json_is_null(stream);
}

static bool
parse_trash(const json_t *json, struct broker_trash *ret)
{
    return json_is_object(json) && broker_json_text(json, "id", ret->id, sizeof(ret->id)) &&
           broker_id_is_valid(ret->id, 'd') &&
           broker_json_text(json, "pool", ret->pool, sizeof(ret->pool)) &&
           broker_json_text(json, "user", ret->user, sizeof(ret->user)) &&
           broker_json_text(json, "image", ret->image, sizeof(ret->image)) &&
           broker_json_unsigned(json, "revision", MAX_REVISION, &ret->revision) &&
           broker_json_unsigned(json, "cpu", MAX_CPUS, &ret->cpu) &&
           broker_json_unsigned(json, "memory_mb", MAX_MEMORY_MB, &ret->memory_mb) &&
           broker_json_int64(json, "deleted_ms", &ret->deleted_ms) &&
           broker_json_int64(json, "expires_ms", &ret->expires_ms) &&
           broker_json_int64(json, "bytes", &ret->bytes);
}

/* A host of an older version has none. */
static bool
parse_all_trash(const json_t *list, GArray *ret)
{
    size_t i;

    if (list != NULL &&
        (!json_is_array(list) || json_array_size(list) > BROKER_HOSTMSG_MAX_TRASH)) {
        return false;
    }
    for (i = 0; i < json_array_size(list); i++) {
        struct broker_trash entry = {.revision = 0};

        if (!parse_trash(json_array_get(list, i), &entry)) {
            return false;
        }
        g_array_append_val(ret, entry);
    }
    return true;
}

/* What cannot be measured is null or missing; a host of an older version has none of it. */
static bool
parse_load(const json_t *json, struct broker_load *ret)
{
    size_t i;

    if (json == NULL) {
        return true;
    }
    for (i = 0; i < BROKER_LOADS; i++) {
        const json_t *value = json_object_get(json, broker_load_figures[i].name);

        if (value == NULL || json_is_null(value)) {
            continue;
        }
        if (!broker_json_unsigned(json, broker_load_figures[i].name, broker_load_figures[i].max,
                                  &ret->value[i])) {
            return false;
        }
        ret->known[i] = true;
    }
    return json_is_object(json);
}

static bool
parse_observed(const json_t *json, struct broker_hostmsg *message)
{
    const json_t *desktops = json_object_get(json, "desktops");
    const json_t *images = json_object_get(json, "images");
    size_t i;

    if (!broker_json_unsigned(json, "memory_free_mb", MAX_MEMORY_MB,
                              &message->observed.memory_free_mb) ||
        !broker_json_text_cut(json, "text", message->observed.text,
                              sizeof(message->observed.text)) ||
        !json_is_array(desktops) || json_array_size(desktops) > BROKER_HOSTMSG_MAX_DESKTOPS ||
        !json_is_array(images) || json_array_size(images) > BROKER_HOSTMSG_MAX_IMAGES) {
        return false;
    }
    message->observed.tight = json_is_true(json_object_get(json, "tight"));
    message->observed.desktops = g_array_new(FALSE, TRUE, sizeof(struct broker_seen_desktop));
    message->observed.images = g_array_new(FALSE, TRUE, sizeof(struct broker_image));
    message->observed.trash = g_array_new(FALSE, TRUE, sizeof(struct broker_trash));
    if (!parse_load(json_object_get(json, "load"), &message->observed.load) ||
        !parse_all_trash(json_object_get(json, "trash"), message->observed.trash)) {
        return false;
    }
    for (i = 0; i < json_array_size(desktops); i++) {
        struct broker_seen_desktop desktop = {.state = BROKER_UNKNOWN};

        if (!parse_desktop(json_array_get(desktops, i), &desktop)) {
            return false;
        }
        g_array_append_val(message->observed.desktops, desktop);
    }
    for (i = 0; i < json_array_size(images); i++) {
        const json_t *item = json_array_get(images, i);
        struct broker_image image = {.revision = 0};

        if (!json_is_object(item) ||
            !broker_json_text(item, "name", image.name, sizeof(image.name)) ||
            !broker_json_unsigned(item, "revision", MAX_REVISION, &image.revision)) {
            return false;
        }
        image.published = json_is_true(json_object_get(item, "published"));
        g_array_append_val(message->observed.images, image);
    }
    return true;
}

static bool
parse_join(const json_t *json, struct broker_hostmsg *message)
{
    return broker_json_text(json, "token", message->join.token, sizeof(message->join.token)) &&
           vd_token_is_well_formed(message->join.token) &&
           broker_json_text(json, "name", message->join.name, sizeof(message->join.name)) &&
           broker_name_is_valid(message->join.name) &&
           broker_json_text(json, "csr", message->csr, sizeof(message->csr));
}

static bool
parse_picture(const json_t *json, struct broker_hostmsg *message)
{
    const json_t *jpeg = json_object_get(json, "jpeg");
    unsigned width;
    unsigned height;

    if (!broker_json_text(json, "desktop", message->picture.desktop,
                          sizeof(message->picture.desktop)) ||
        !broker_id_is_valid(message->picture.desktop, 'd') ||
        !broker_json_int64(json, "epoch", &message->picture.epoch) ||
        !broker_json_unsigned(json, "width", VDP_SMALL_SIDE, &width) ||
        !broker_json_unsigned(json, "height", VDP_SMALL_SIDE, &height) || !json_is_string(jpeg) ||
        json_string_length(jpeg) > VD_BASE64_CHARS(VDP_SMALL_MAX_BYTES)) {
        return false;
    }
    message->picture.data = g_malloc0(VDP_SMALL_MAX_BYTES);
    return vd_base64_decode(json_string_value(jpeg), json_string_length(jpeg),
                            message->picture.data, VDP_SMALL_MAX_BYTES, &message->picture.size) &&
           vdp_small_check(message->picture.data, message->picture.size, width, height) == 0;
}

bool
broker_hostmsg_parse(const json_t *json, struct broker_hostmsg *ret_message, const char **ret_why)
{
    char type[32];
    bool ok = true;

    memset(ret_message, 0, sizeof(*ret_message));
    if (!json_is_object(json) || !broker_json_text(json, "type", type, sizeof(type))) {
        *ret_why = "a message without a type";
        return false;
    }
    if (strcmp(type, "hello") == 0) {
        ret_message->type = BROKER_HOSTMSG_HELLO;
        ok = parse_hello(json, ret_message);
        *ret_why = "a malformed hello";
    } else if (strcmp(type, "observed") == 0) {
        ret_message->type = BROKER_HOSTMSG_OBSERVED;
        ok = parse_observed(json, ret_message);
        *ret_why = "a malformed report";
    } else if (strcmp(type, "join") == 0) {
        ret_message->type = BROKER_HOSTMSG_JOIN;
        ok = parse_join(json, ret_message);
        *ret_why = "a malformed request to join";
    } else if (strcmp(type, "renew") == 0) {
        ret_message->type = BROKER_HOSTMSG_RENEW;
        ok = broker_json_text(json, "csr", ret_message->csr, sizeof(ret_message->csr));
        *ret_why = "a malformed request to renew";
    } else if (strcmp(type, "picture") == 0) {
        ret_message->type = BROKER_HOSTMSG_PICTURE;
        ok = parse_picture(json, ret_message);
        *ret_why = "a malformed picture";
    } else if (strcmp(type, "disk-gone") == 0) {
        ret_message->type = BROKER_HOSTMSG_DISK_GONE;
        ok = broker_json_text(json, "pool", ret_message->disk.pool,
                              sizeof(ret_message->disk.pool)) &&
             broker_json_text(json, "user", ret_message->disk.user, sizeof(ret_message->disk.user));
        *ret_why = "a malformed word about a disk";
    } else {
        ret_message->type = BROKER_HOSTMSG_OTHER;
    }
    if (!ok) {
        broker_hostmsg_clear(ret_message);
    }
    return ok;
}

void
broker_hostmsg_clear(struct broker_hostmsg *message)
{
    g_clear_pointer(&message->observed.desktops, g_array_unref);
    g_clear_pointer(&message->observed.images, g_array_unref);
    g_clear_pointer(&message->observed.trash, g_array_unref);
    if (message->picture.data != NULL) {
        explicit_bzero(message->picture.data, VDP_SMALL_MAX_BYTES);
        g_clear_pointer(&message->picture.data, g_free);
    }
    explicit_bzero(message->join.token, sizeof(message->join.token));
}
