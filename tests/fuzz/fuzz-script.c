/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A script and what is said about it, both ways: any bytes as the guest's agent gets them, and as
 * the patcher gets them, who prints what it takes for output.
 */
#include "hostd/guest/run.h"
#include "hostd/image/patchline.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static void
check_printable(const char *bytes, size_t size)
{
    g_autofree char *clean = patchline_clean(bytes, size);

    if (!g_utf8_validate(clean, -1, NULL)) {
        abort();
    }
    for (const char *c = clean; *c != '\0'; c = g_utf8_next_char(c)) {
        if (!g_unichar_isprint(g_utf8_get_char(c))) {
            abort();
        }
    }
}

/* As the patcher does: as much as there is room for, then all messages of that. */
static void
listen(const uint8_t *data, size_t size)
{
    static struct patchline line;
    struct patchline_message message;

    line.used = 0;
    line.skipping = false;
    while (size > 0) {
        size_t part = MIN(size, sizeof(line.input) - line.used);

        memcpy(line.input + line.used, data, part);
        line.used += part;
        data += part;
        size -= part;
        while (patchline_next(&line, &message)) {
            if (message.size > sizeof(message.bytes) ||
                strlen(message.status) >= PATCHLINE_STATUS_MAX ||
                (message.kind == PATCHLINE_RAN) != (message.status[0] != '\0')) {
                abort();
            }
            check_printable(message.bytes, message.size);
        }
        if (line.used == sizeof(line.input)) {
            abort(); /* no byte would ever come in again */
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[GUEST_PORT_TEXT_MAX];
    size_t bytes = 0;

    if (guest_port_parse_text((const char *)data, size, text) && strlen(text) >= sizeof(text)) {
        abort();
    }
    if (run_parse_size((const char *)data, size, &bytes) && bytes > RUN_MAX_SCRIPT) {
        abort();
    }
    listen(data, size);
    return 0;
}
