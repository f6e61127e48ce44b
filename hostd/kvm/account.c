/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/account.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "protocol/base/secret.h"

#define NAME_CHARS     "._-" G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS
#define FULL_NAME_MAX  128u  /* bytes that the guest gets to see */
#define GROUP_TEXT_MAX 2800u /* bytes of "NAME:ID,..."; a line has 4096 */

bool
kvm_account_name_is_good(const char *name)
{
    size_t size = name == NULL ? 0 : strlen(name);

    return size > 0 && size <= KVM_ACCOUNT_NAME_MAX &&
           (g_ascii_isalnum(name[0]) || name[0] == '_') && strspn(name, NAME_CHARS) == size;
}

/* An id that is a person's, or a group of persons'. */
static bool
take_id(const json_t *object, const char *key, json_int_t min, uint32_t *ret_id)
{
    const json_t *value = json_object_get(object, key);
    json_int_t id = json_integer_value(value);

    *ret_id = (uint32_t)id;
    return json_is_integer(value) && id >= min && id <= KVM_ACCOUNT_MAX_ID;
}

bool
kvm_account_is_good(const json_t *account)
{
    const json_t *disk = json_object_get(account, "disk_mb");
    const json_t *groups = json_object_get(account, "groups");
    uint32_t id;

    return kvm_account_name_is_good(kvm_account_name(account)) &&
           kvm_account_name_is_good(json_string_value(json_object_get(account, "group"))) &&
           take_id(account, "uid", KVM_ACCOUNT_MIN_ID, &id) && take_id(account, "gid", 1, &id) &&
           json_is_string(json_object_get(account, "full_name")) &&
           (disk == NULL || (json_is_integer(disk) && json_integer_value(disk) >= 0 &&
                             json_integer_value(disk) <= KVM_ACCOUNT_MAX_DISK_MB)) &&
           (groups == NULL || json_is_array(groups));
}

const char *
kvm_account_name(const json_t *account)
{
    return json_string_value(json_object_get(account, "name"));
}

unsigned
kvm_account_disk_mb(const json_t *account)
{
    return (unsigned)json_integer_value(json_object_get(account, "disk_mb"));
}

static unsigned
add_groups(GString *line, const json_t *groups)
{
    size_t start = line->len;
    unsigned left_out = 0;
    size_t i;

    for (i = 0; i < json_array_size(groups); i++) {
        const json_t *group = json_array_get(groups, i);
        const char *name = json_string_value(json_object_get(group, "name"));
        uint32_t id;

        if (!kvm_account_name_is_good(name) || !take_id(group, "gid", 1, &id) ||
            line->len - start > GROUP_TEXT_MAX - KVM_ACCOUNT_NAME_MAX - sizeof("4294967295:,")) {
            left_out++;
            continue;
        }
        g_string_append_printf(line, "%s%s:%" PRIu32, line->len > start ? "," : "", name, id);
    }
    return left_out;
}

char *
kvm_account_order(const json_t *account, unsigned *ret_left_out)
{
    const char *full_name = json_string_value(json_object_get(account, "full_name"));
    size_t full_size = MIN(strlen(full_name), FULL_NAME_MAX);
    char digits[2 * FULL_NAME_MAX + 1];
    GString *line = g_string_new("{\"type\":\"account\"");
    uint32_t uid, gid;
    unsigned left_out;

    (void)take_id(account, "uid", KVM_ACCOUNT_MIN_ID, &uid);
    (void)take_id(account, "gid", 1, &gid);
    /* As hexadecimal numbers: the guest's reader of messages knows no escapes. */
    vd_hex(digits, (const unsigned char *)full_name, full_size);
    g_string_append_printf(line,
                           ",\"name\":\"%s\",\"uid\":\"%" PRIu32 "\",\"gid\":\"%" PRIu32
                           "\",\"group\":\"%s\",\"disk\":\"%s\"",
                           kvm_account_name(account), uid, gid,
                           json_string_value(json_object_get(account, "group")),
                           kvm_account_disk_mb(account) > 0 ? "yes" : "no");
    if (full_size > 0) {
        g_string_append_printf(line, ",\"utf8\":\"%s\"", digits);
    }
    g_string_append(line, ",\"groups\":\"");
    left_out = add_groups(line, json_object_get(account, "groups"));
    g_string_append(line, "\"}\n");
    if (ret_left_out != NULL) {
        *ret_left_out = left_out;
    }
    return g_string_free(line, FALSE);
}
