/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/base/ini.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct parser {
    const struct vd_ini_handler *handler;
    void *user_data;
    unsigned line;
    unsigned errors;
    bool skipping;                     /* below a malformed section header */
    char section[VD_INI_MAX_LINE + 1]; /* empty before the first header */
    char text[VD_INI_MAX_LINE + 1];    /* the current line, cut up in place */
};

static void report(struct parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
report(struct parser *parser, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    parser->errors++;
    parser->handler->error(parser->user_data, parser->line, text);
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static char *
trim(char *text)
{
    size_t size;

    while (is_space(*text)) {
        text++;
    }
    size = strlen(text);
    while (size > 0 && is_space(text[size - 1])) {
        size--;
    }
    text[size] = '\0';
    return text;
}

static bool
is_key(const char *text)
{
    return *text != '\0' && text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                              "0123456789-_.")] == '\0';
}

static void
parse_section(struct parser *parser, char *line)
{
    size_t size = strlen(line);
    char *name;

    parser->skipping = true;
    if (line[size - 1] != ']') {
        report(parser, "section header does not end with ']'");
        return;
    }
    line[size - 1] = '\0';
    name = trim(line + 1);
    if (*name == '\0' || strpbrk(name, "[]") != NULL) {
        report(parser, "section name is empty or holds a bracket");
        return;
    }
    parser->skipping = false;
    memcpy(parser->section, name, strlen(name) + 1);
    if (parser->handler->section != NULL) {
        parser->handler->section(parser->user_data, parser->section, parser->line);
    }
}

static void
parse_entry(struct parser *parser, char *line)
{
    char *equals = strchr(line, '=');
    char *key;

    if (equals == NULL) {
        report(parser, "expected KEY=VALUE, found '%.60s'", line);
        return;
    }
    *equals = '\0';
    key = trim(line);
    if (!is_key(key)) {
        report(parser, "'%.60s' is not a key (letters, digits, '-', '_', '.')", key);
    } else if (parser->section[0] == '\0' && !parser->skipping) {
        report(parser, "'%.60s' stands before the first [Section]", key);
    } else if (!parser->skipping) {
        parser->handler->entry(parser->user_data, parser->section, key, trim(equals + 1),
                               parser->line);
    }
}

static void
parse_line(struct parser *parser, const char *start, size_t size)
{
    char *line;
    size_t i;

    if (size > VD_INI_MAX_LINE) {
        report(parser, "line is longer than %u bytes", VD_INI_MAX_LINE);
        return;
    }
    for (i = 0; i < size; i++) {
        unsigned char c = (unsigned char)start[i];

        if ((c < 0x20 && !is_space((char)c)) || c == 0x7f) {
            report(parser, "control character 0x%02x", c);
            return;
        }
    }
    memcpy(parser->text, start, size);
    parser->text[size] = '\0';
    line = trim(parser->text);
    if (*line == '\0' || *line == '#' || *line == ';') {
        return;
    }
    if (*line == '[') {
        parse_section(parser, line);
    } else {
        parse_entry(parser, line);
    }
}

unsigned
vd_ini_parse(const char *text, size_t size, const struct vd_ini_handler *handler, void *user_data)
{
    struct parser parser = {.handler = handler, .user_data = user_data};
    size_t at = 0;

    if (size > VD_INI_MAX_FILE) {
        report(&parser, "file is larger than %u bytes", VD_INI_MAX_FILE);
        return parser.errors;
    }
    while (at < size) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end != NULL ? (size_t)(end - (text + at)) : size - at;

        parser.line++;
        parse_line(&parser, text + at, length);
        at += length + 1;
    }
    return parser.errors;
}
