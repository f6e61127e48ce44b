/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/jsonget.h"

#include <glib.h>
#include <string.h>

bool
broker_json_text(const json_t *object, const char *key, char *ret_text, size_t size)
{
    const json_t *value = json_object_get(object, key);

    /* jansson keeps no NUL inside strings unless asked to, so strlen() is the length. */
    if (!json_is_string(value) || json_string_length(value) >= size) {
        return false;
    }
    g_strlcpy(ret_text, json_string_value(value), size);
    return true;
}

bool
broker_json_text_cut(const json_t *object, const char *key, char *ret_text, size_t size)
{
    const json_t *value = json_object_get(object, key);
    const char *end;

    if (value == NULL || json_is_null(value)) {
        ret_text[0] = '\0';
        return true;
    }
    if (!json_is_string(value)) {
        return false;
    }
    g_strlcpy(ret_text, json_string_value(value), size);
    if (!g_utf8_validate(ret_text, -1, &end)) {
        ret_text[end - ret_text] = '\0';
    }
    return true;
}

bool
broker_json_int64(const json_t *object, const char *key, int64_t *ret)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_integer(value)) {
        return false;
    }
    *ret = json_integer_value(value);
    return true;
}

bool
broker_json_unsigned(const json_t *object, const char *key, unsigned max, unsigned *ret)
{
    const json_t *value = json_object_get(object, key);
    double number;

    /* A measured figure may come with a fraction. */
    if (!json_is_number(value)) {
        return false;
    }
    number = json_number_value(value);
    if (!(number >= 0) || number > (double)max) {
        return false;
    }
    *ret = (unsigned)number;
    return true;
}

json_t *
broker_json_string(const char *text)
{
    json_t *value = json_string(text);
    char *valid;

    if (value == NULL) {
        valid = g_utf8_make_valid(text, -1);
        value = json_string(valid);
        g_free(valid);
    }
    return value;
}
