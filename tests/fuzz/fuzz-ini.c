/* SPDX-License-Identifier: Apache-2.0 */
/* The INI parser: any bytes; what comes out is trimmed, bounded and in order of lines. */
#include "protocol/base/ini.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/nearest.h"
#include "tests/fuzz/fuzz.h"

static const char *const keys[] = {"Memory", "Running", "Allow", "Deny", NULL};

static void
check_text(const char *text)
{
    size_t size = strlen(text);

    if (size > VD_INI_MAX_LINE || (size > 0 && (text[0] == ' ' || text[size - 1] == ' '))) {
        abort();
    }
}

static void
check_line(unsigned *last, unsigned line)
{
    if (line < *last) {
        abort();
    }
    *last = line;
}

static void
on_section(void *user_data, const char *section, unsigned line)
{
    check_text(section);
    check_line(user_data, line);
}

static void
on_entry(void *user_data, const char *section, const char *key, const char *value, unsigned line)
{
    check_text(section);
    check_text(key);
    check_text(value);
    check_line(user_data, line);
    (void)vd_nearest(key, keys);
}

static void
on_error(void *user_data, unsigned line, const char *text)
{
    check_line(user_data, line);
    if (*text == '\0') {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct vd_ini_handler handler = {on_section, on_entry, on_error};
    unsigned line = 0;

    (void)vd_ini_parse((const char *)data, size, &handler, &line);
    return 0;
}
