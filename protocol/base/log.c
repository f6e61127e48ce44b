/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/base/log.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static const char *program_name = "vedette";

static const char *const level_names[] = {"error", "warning", "notice", "info", "debug"};

void
vd_log_init(const char *program)
{
    program_name = program;
}

static bool
debug_wanted(const char *module)
{
    const char *list = getenv("VEDETTE_DEBUG");
    size_t length = strlen(module);

    while (list != NULL && *list != '\0') {
        size_t item = strcspn(list, ",");

        if ((item == 3 && memcmp(list, "all", 3) == 0) ||
            (item == length && memcmp(list, module, length) == 0)) {
            return true;
        }
        list += item;
        list += *list == ',' ? 1 : 0;
    }
    return false;
}

void
vd_log(enum vd_log_level level, const char *module, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    int used;
    int body;

    if (level == VD_LOG_DEBUG && !debug_wanted(module)) {
        return;
    }
    used = snprintf(line, sizeof(line), "%s[%ld] %s %s: ", program_name, (long)getpid(),
                    level_names[level], module);
    va_start(args, format);
    body = vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, args);
    va_end(args);
    if (body < 0) {
        return;
    }
    used += body;
    if ((size_t)used > sizeof(line) - 2) {
        used = (int)sizeof(line) - 2;
    }
    line[used] = '\n';
    if (write(STDERR_FILENO, line, (size_t)used + 1) < 0) {
        return; /* nobody is left to tell */
    }
}

const char *
vd_log_quote(char *buffer, size_t size, const char *text, size_t text_size)
{
    size_t used = 0;
    size_t i;

    for (i = 0; i < text_size && i < VD_LOG_QUOTE_MAX && used + 8 < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if (isprint(c) && c != '\\' && c != '\'' && c != '"') {
            buffer[used++] = (char)c;
        } else {
            used += (size_t)snprintf(buffer + used, size - used, "\\x%02x", c);
        }
    }
    if (i < text_size && used + 4 <= size) {
        memcpy(buffer + used, "...", 3);
        used += 3;
    }
    if (size > 0) {
        buffer[used] = '\0';
    }
    return buffer;
}
