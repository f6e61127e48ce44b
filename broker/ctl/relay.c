/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/ctl/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/fd.h"

#define MAX_LINE   4096u
#define NAME_WIDTH 8

struct ctl_relay {
    int fd;
    const char *name;
    ctl_relay_fn line;
    void *user_data;
    guint source;
    size_t used;
    char bytes[MAX_LINE];
};

static const struct {
    const char *name;
    int colour;
} colours[] = {
    {"broker", 34}, {"gateway", 36}, {"hostd", 32}, {"launch", 35}, {"pam", 33}, {"up", 1},
};

static void
print_line(const char *name, size_t name_size, const char *text)
{
    g_autoptr(GString) line = g_string_new(NULL);
    int colour = 0;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(colours); i++) {
        if (strlen(colours[i].name) == name_size &&
            strncmp(colours[i].name, name, name_size) == 0) {
            colour = colours[i].colour;
        }
    }
    if (isatty(STDERR_FILENO)) {
        g_string_append_printf(line, "\033[%dm%-*.*s\033[0m | %s\n", colour, NAME_WIDTH,
                               (int)name_size, name, text);
    } else {
        g_string_append_printf(line, "%-*.*s | %s\n", NAME_WIDTH, (int)name_size, name, text);
    }
    (void)vd_fd_write_all(STDERR_FILENO, line->str, line->len);
}

void
ctl_relay_print(const char *name, const char *format, ...)
{
    va_list args;
    g_autofree char *text = NULL;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    print_line(name, strlen(name), text);
}

/*
 * Our programs name themselves, "vedette-pam[12] notice …": that name goes in front, since a pipe
 * may carry a program and its helper. Other text goes under the name of the pipe.
 */
static void
relay_line(struct ctl_relay *relay)
{
    static const char own[] = "vedette-";
    const char *text = relay->bytes;
    const char *open;
    const char *rest;
    size_t i;

    relay->bytes[relay->used] = '\0';
    open = strchr(text, '[');
    rest = open != NULL ? strstr(open, "] ") : NULL;
    for (i = 0; i < relay->used; i++) {
        /* A terminal must not take orders from a log. */
        if ((unsigned char)relay->bytes[i] < 0x20 && relay->bytes[i] != '\t') {
            relay->bytes[i] = '?';
        }
    }
    if (relay->line != NULL) {
        relay->line(text, relay->user_data);
    }
    if (rest != NULL && g_str_has_prefix(text, own) && open - text <= 24) {
        print_line(text + strlen(own), (size_t)(open - text) - strlen(own), rest + 2);
    } else {
        print_line(relay->name, strlen(relay->name), text);
    }
    relay->used = 0;
}

static void
take(struct ctl_relay *relay, const char *data, size_t size)
{
    size_t i;

    for (i = 0; i < size; i++) {
        if (data[i] != '\n') {
            relay->bytes[relay->used++] = data[i];
        }
        if (data[i] == '\n' || relay->used == MAX_LINE - 1) {
            relay_line(relay);
        }
    }
}

/* False at the end of the pipe. */
static gboolean
read_some(struct ctl_relay *relay)
{
    char chunk[4096];
    ssize_t n;

    while ((n = read(relay->fd, chunk, sizeof(chunk))) > 0) {
        take(relay, chunk, (size_t)n);
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static gboolean
on_readable(int fd, GIOCondition condition, void *user_data)
{
    struct ctl_relay *relay = user_data;

    (void)fd;
    (void)condition;
    if (!read_some(relay)) {
        relay->source = 0;
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

struct ctl_relay *
ctl_relay_new(int fd, const char *name, ctl_relay_fn line, void *user_data)
{
    struct ctl_relay *relay = g_new0(struct ctl_relay, 1);

    (void)g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    relay->fd = fd;
    relay->name = name;
    relay->line = line;
    relay->user_data = user_data;
    relay->source = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, relay);
    return relay;
}

void
ctl_relay_free(struct ctl_relay *relay)
{
    if (relay == NULL) {
        return;
    }
    relay->line = NULL; /* the owner is going away too */
    if (relay->source != 0) {
        g_source_remove(relay->source);
        (void)read_some(relay);
    }
    if (relay->used > 0) {
        relay_line(relay);
    }
    vd_fd_clear(&relay->fd);
    g_free(relay);
}
