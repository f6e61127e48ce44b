/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/patchline.h"

#include <glib.h>
#include <jansson.h>
#include <string.h>

static const char *
member(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static void
take_status(const char *text, struct patchline_message *message)
{
    size_t size = strspn(text, "-0123456789abcdefghijklmnopqrstuvwxyz");

    if (size == 0 || text[size] != '\0' || size >= sizeof(message->status)) {
        text = "unknown";
    }
    g_strlcpy(message->status, text, sizeof(message->status));
}

/* Up to the first pair that is none. */
static void
take_bytes(const char *digits, struct patchline_message *message)
{
    for (; message->size < sizeof(message->bytes); digits += 2) {
        int high = g_ascii_xdigit_value(digits[0]);
        int low = high < 0 ? -1 : g_ascii_xdigit_value(digits[1]);

        if (low < 0) {
            return;
        }
        message->bytes[message->size++] = (char)(high << 4 | low);
    }
}

static void
take_message(const char *text, size_t size, struct patchline_message *message)
{
    json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    const char *type = member(object, "type");

    if (strcmp(type, "hello") == 0) {
        message->kind = PATCHLINE_HELLO;
        message->scripts = json_is_true(json_object_get(object, "scripts"));
    } else if (strcmp(type, "ready") == 0) {
        message->kind = PATCHLINE_READY;
    } else if (strcmp(type, "output") == 0) {
        message->kind = PATCHLINE_OUTPUT;
        take_bytes(member(object, "utf8"), message);
    } else if (strcmp(type, "ran") == 0) {
        message->kind = PATCHLINE_RAN;
        take_status(member(object, "status"), message);
    }
    json_decref(object);
}

bool
patchline_next(struct patchline *line, struct patchline_message *ret_message)
{
    char *end = memchr(line->input, '\n', line->used);
    size_t size;

    if (end == NULL) {
        if (line->used == sizeof(line->input)) {
            line->used = 0;
            line->skipping = true;
        }
        return false;
    }
    size = (size_t)(end - line->input);
    ret_message->kind = PATCHLINE_OTHER;
    ret_message->scripts = false;
    ret_message->status[0] = '\0';
    ret_message->size = 0;
    if (!line->skipping) {
        take_message(line->input, size, ret_message);
    }
    line->skipping = false;
    line->used -= size + 1;
    memmove(line->input, end + 1, line->used);
    return true;
}

char *
patchline_clean(const char *bytes, size_t size)
{
    g_autofree char *valid = g_utf8_make_valid(bytes, (gssize)size);
    GString *clean = g_string_sized_new(size);

    for (const char *c = valid; *c != '\0'; c = g_utf8_next_char(c)) {
        gunichar letter = g_utf8_get_char(c);

        g_string_append_unichar(clean, letter == '\t'              ? ' '
                                       : g_unichar_isprint(letter) ? letter
                                                                   : '?');
    }
    return g_string_free(clean, FALSE);
}
