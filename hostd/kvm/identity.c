/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/identity.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "protocol/base/clock.h"
#include "protocol/base/secret.h"

#define SEED_BYTES     64u
#define NAME_CHARS_MAX 48u
#define MACHINE_DIGITS 32u
#define MAC_DIGITS     10u /* five bytes; the first one says that it is of nobody's making */
#define CLOCK_SLACK_MS 2000

/* The uuid without its dashes is as good a machine-id as any: random, and once in the world. */
static char *
machine_id(const char *uuid)
{
    char *id = g_malloc(MACHINE_DIGITS + 1);
    size_t used = 0;

    for (; *uuid != '\0' && used < MACHINE_DIGITS; uuid++) {
        if (*uuid != '-') {
            id[used++] = g_ascii_tolower(*uuid);
        }
    }
    id[used] = '\0';
    return id;
}

/* RFC 1123 knows letters, digits and '-' in the name of a host. */
static char *
host_name(const char *id)
{
    char *name = g_strndup(id, NAME_CHARS_MAX);

    g_strcanon(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS, '-');
    return name;
}

char *
kvm_identity_mac(const char *uuid)
{
    const char *end = uuid + strlen(uuid) - MAC_DIGITS; /* the last part has no dashes */

    return strlen(uuid) < MAC_DIGITS ? g_strdup("02:00:00:00:00:00")
                                     : g_strdup_printf("02:%.2s:%.2s:%.2s:%.2s:%.2s", end, end + 2,
                                                       end + 4, end + 6, end + 8);
}

static void
new_seed(char digits[2 * SEED_BYTES + 1])
{
    unsigned char seed[SEED_BYTES];

    vd_random(seed, sizeof(seed));
    vd_hex(digits, seed, sizeof(seed));
}

char *
kvm_identity_wake_order(void)
{
    char digits[2 * SEED_BYTES + 1];

    new_seed(digits);
    return g_strdup_printf("{\"type\":\"identity\",\"seed\":\"%s\",\"time_ms\":\"%" PRId64 "\"}\n",
                           digits, vd_wall_ms());
}

char *
kvm_identity_order(const char *id, const char *uuid, bool network)
{
    g_autofree char *host = host_name(id);
    g_autofree char *machine = machine_id(uuid);
    g_autofree char *mac = kvm_identity_mac(uuid);
    char digits[2 * SEED_BYTES + 1];

    new_seed(digits);
    return g_strdup_printf(
        "{\"type\":\"identity\",\"host\":\"%s\",\"machine\":\"%s\",\"uuid\":\"%s\""
        ",\"seed\":\"%s\"%s%s%s,\"time_ms\":\"%" PRId64 "\"}\n",
        host, machine, uuid, digits, network ? ",\"mac\":\"" : "", network ? mac : "",
        network ? "\"" : "", vd_wall_ms());
}

static bool
says(const json_t *answer, const char *key, const char *wanted)
{
    return g_strcmp0(json_string_value(json_object_get(answer, key)), wanted) == 0;
}

char *
kvm_identity_check_awake(const json_t *answer)
{
    const char *time_text = json_string_value(json_object_get(answer, "time_ms"));
    int64_t off_ms =
        time_text == NULL ? INT64_MAX : g_ascii_strtoll(time_text, NULL, 10) - vd_wall_ms();

    if (!says(answer, "seeded", "yes")) {
        return g_strdup("its guest did not take new random numbers");
    }
    if (off_ms > CLOCK_SLACK_MS || off_ms < -CLOCK_SLACK_MS) {
        return g_strdup("its guest's clock is more than two seconds off");
    }
    return NULL;
}

char *
kvm_identity_check(const json_t *answer, const char *id, const char *uuid, bool network)
{
    g_autofree char *host = host_name(id);
    g_autofree char *machine = machine_id(uuid);
    g_autofree char *mac = kvm_identity_mac(uuid);
    const char *seen_uuid = json_string_value(json_object_get(answer, "uuid"));

    if (!says(answer, "host", host)) {
        return g_strdup("its guest kept its host name");
    }
    if (!says(answer, "machine", machine)) {
        return g_strdup("its guest kept its machine-id");
    }
    /* A guest without SMBIOS has none to keep. */
    if (seen_uuid != NULL && seen_uuid[0] != '\0' && g_ascii_strcasecmp(seen_uuid, uuid) != 0) {
        return g_strdup("its guest kept its product's uuid");
    }
    if (network && !says(answer, "mac", mac)) {
        return g_strdup("its guest kept the address of its network card");
    }
    return kvm_identity_check_awake(answer);
}
