/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/want.h"

#include <string.h>

#include "hostd/kvm/account.h"
#include "hostd/kvm/spec.h"

#define BRIDGE     "bridge:"
#define MAX_SLOT   65535
#define MAX_USER   64u /* bytes */
#define NAME_CHARS "._-" G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS

static bool
name_is_good(const char *name)
{
    return name != NULL && g_ascii_isalnum(name[0]) && strlen(name) <= 64 &&
           strspn(name, NAME_CHARS) == strlen(name);
}

/* "bridge:NAME"; no text is no network. */
static bool
read_network(const char *text, const char **ret_bridge)
{
    *ret_bridge = NULL;
    if (text == NULL) {
        return true;
    }
    *ret_bridge = g_str_has_prefix(text, BRIDGE) ? text + strlen(BRIDGE) : "";
    return vd_launch_bridge_is_good(*ret_bridge);
}

bool
hostd_want_read(const json_t *entry, struct hostd_want *ret_want)
{
    const char *state, *accel;
    json_int_t epoch;
    int slot, revision, cpu, memory_mb;
    struct hostd_want want = {.stream = json_object_get(entry, "stream"),
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
    if (!read_network(json_string_value(json_object_get(entry, "network")), &want.order.network)) {
        return false;
    }
    want.fork = g_strcmp0(json_string_value(json_object_get(entry, "clone")), "fork") == 0;
    want.picture = json_is_true(json_object_get(entry, "picture"));
    want.monitors = (unsigned)CLAMP(json_integer_value(json_object_get(entry, "monitors")), 1,
                                    (json_int_t)KVM_SPEC_HEADS);
    want.account = json_object_get(entry, "account");
    want.gone = strcmp(state, "gone") == 0;
    want.stopped = strcmp(state, "stopped") == 0;
    want.parked = strcmp(state, "parked") == 0;
    want.order.user = json_string_value(json_object_get(entry, "user"));
    want.order.kept = json_is_true(json_object_get(entry, "kept"));
    want.order.keep_ms = MAX(json_integer_value(json_object_get(entry, "keep_ms")), 0);
    want.order.origin = json_string_value(json_object_get(entry, "origin"));
    if (json_is_null(want.account)) {
        want.account = NULL;
    }
    if ((want.account != NULL && !kvm_account_is_good(want.account)) ||
        (want.order.user != NULL && strlen(want.order.user) > MAX_USER) ||
        (want.order.origin != NULL && !kvm_spec_name_is_good(want.order.origin))) {
        return false;
    }
    *ret_want = want;
    return want.gone || want.stopped || want.parked || strcmp(state, "running") == 0;
}
