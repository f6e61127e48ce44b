/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/port.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORTS_DIR "/sys/class/virtio-ports"
#define HELLO     "{\"type\":\"hello\",\"agent\":\"" PACKAGE_VERSION "\",\"renews\":true,\"syncs\":true"

struct guest_port {
    guest_port_handler handler;
    void *data;
    int fd;         /* -1 until the device appeared */
    bool connected; /* the host end is there */
    bool ready, accounts, scripts;
    bool skipping; /* inside a line that is too long */
    size_t used;
    char line[GUEST_PORT_LINE_MAX];
};

struct guest_port *
guest_port_new(guest_port_handler handler, void *data)
{
    struct guest_port *port = calloc(1, sizeof(*port));

    if (port == NULL) {
        return NULL;
    }
    port->handler = handler;
    port->data = data;
    port->fd = -1;
    return port;
}

void
guest_port_free(struct guest_port *port)
{
    if (port == NULL) {
        return;
    }
    if (port->fd != -1) {
        close(port->fd);
    }
    free(port);
}

int
guest_port_fd(const struct guest_port *port)
{
    return port->connected ? port->fd : -1;
}

/* udev makes /dev/virtio-ports/NAME; a guest without udev finds the same name in sysfs. */
static int
open_device(void)
{
    int fd = open("/dev/virtio-ports/" GUEST_PORT_NAME, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    DIR *dir = fd == -1 ? opendir(PORTS_DIR) : NULL;
    struct dirent *entry;

    if (dir == NULL) {
        return fd;
    }
    while (fd == -1 && (entry = readdir(dir)) != NULL) {
        char path[512], name[64] = "";
        FILE *file;

        snprintf(path, sizeof(path), PORTS_DIR "/%s/name", entry->d_name);
        file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
        if (file == NULL) {
            continue;
        }
        if (fgets(name, sizeof(name), file) != NULL) {
            name[strcspn(name, "\n")] = '\0';
        }
        fclose(file);
        if (strcmp(name, GUEST_PORT_NAME) == 0) {
            snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
            fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        }
    }
    closedir(dir);
    return fd;
}

/* A line that the host does not take at once is lost: it is said again when the host comes back. */
static bool
send_line(struct guest_port *port, const char *line)
{
    ssize_t n;

    do {
        n = write(port->fd, line, strlen(line));
    } while (n == -1 && errno == EINTR);
    return n == (ssize_t)strlen(line);
}

bool
guest_port_try(struct guest_port *port, const char *line)
{
    return port->connected && send_line(port, line);
}

void
guest_port_say(struct guest_port *port, const char *line)
{
    if (port->connected) {
        (void)send_line(port, line); /* who listens asks again */
    }
}

void
guest_port_offer_accounts(struct guest_port *port)
{
    port->accounts = true;
}

void
guest_port_offer_scripts(struct guest_port *port)
{
    port->scripts = true;
}

static void
say_ready(struct guest_port *port)
{
    (void)send_line(port, "{\"type\":\"ready\"}\n"); /* said again when the host comes back */
}

void
guest_port_ready(struct guest_port *port)
{
    if (port->ready) {
        return;
    }
    port->ready = true;
    if (port->connected) {
        say_ready(port);
    }
}

/* Steps over one JSON string that starts at *at (the quote). Escapes make the copy fail only. */
static bool
take_string(const char *line, size_t size, size_t *at, char *copy, size_t room)
{
    size_t i = *at + 1, used = 0;

    while (i < size && line[i] != '"') {
        if (line[i] == '\\') {
            used = room;
            i++;
        } else if (used < room) {
            copy[used++] = line[i];
        }
        i++;
    }
    if (i >= size) {
        return false;
    }
    *at = i + 1;
    copy[used < room ? used : 0] = '\0';
    return true;
}

static void
skip_blank(const char *line, size_t size, size_t *at)
{
    while (*at < size && strchr(" \t\r\n", line[*at]) != NULL && line[*at] != '\0') {
        (*at)++;
    }
}

bool
guest_port_parse_member(const char *line, size_t size, const char *wanted, char *value, size_t room)
{
    char key[GUEST_PORT_TYPE_MAX];
    size_t at = 0;

    skip_blank(line, size, &at);
    if (at >= size || line[at++] != '{') {
        return false;
    }
    for (;;) {
        skip_blank(line, size, &at);
        if (at >= size || line[at] != '"' || !take_string(line, size, &at, key, sizeof(key))) {
            return false;
        }
        skip_blank(line, size, &at);
        if (at >= size || line[at++] != ':') {
            return false;
        }
        skip_blank(line, size, &at);
        value[0] = '\0';
        if (at < size && line[at] == '"') {
            if (!take_string(line, size, &at, value, room)) {
                return false;
            }
        }
        if (strcmp(key, wanted) == 0 && value[0] != '\0') {
            return true;
        }
        while (at < size && line[at] != ',') { /* numbers and words; nothing nested is expected */
            at++;
        }
        at++;
    }
}

bool
guest_port_parse_type(const char *line, size_t size, char type[GUEST_PORT_TYPE_MAX])
{
    char value[GUEST_PORT_TYPE_MAX];
    bool found = guest_port_parse_member(line, size, "type", value, sizeof(value));

    if (found) {
        memcpy(type, value, sizeof(value));
    }
    return found;
}

static int
digit_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
guest_port_parse_hex(const char *digits, unsigned char *bytes, size_t room)
{
    size_t used = 0;

    for (; digits[0] != '\0'; digits += 2) {
        int high = digit_value(digits[0]);
        int low = digit_value(digits[1]);

        if (high < 0 || low < 0 || used == room) {
            return -1;
        }
        bytes[used++] = (unsigned char)(high << 4 | low);
    }
    return (int)used;
}

bool
guest_port_parse_text(const char *line, size_t size, char text[GUEST_PORT_TEXT_MAX])
{
    char digits[2 * GUEST_PORT_TEXT_MAX];
    int used;

    if (!guest_port_parse_member(line, size, "utf8", digits, sizeof(digits))) {
        return false;
    }
    used = guest_port_parse_hex(digits, (unsigned char *)text, GUEST_PORT_TEXT_MAX - 1);
    if (used < 0 || memchr(text, '\0', (size_t)used) != NULL) {
        return false;
    }
    text[used] = '\0';
    return true;
}

static void
take_line(struct guest_port *port, const char *line, size_t size)
{
    char type[GUEST_PORT_TYPE_MAX];

    if (!guest_port_parse_type(line, size, type)) {
        return;
    }
    if (strcmp(type, "ping") == 0) {
        (void)send_line(port, port->ready ? "{\"type\":\"pong\",\"ready\":true}\n"
                                          : "{\"type\":\"pong\",\"ready\":false}\n");
    } else if (port->handler != NULL) {
        port->handler(port->data, type, line, size);
    }
}

static void
take_bytes(struct guest_port *port, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n') {
            if (!port->skipping) {
                take_line(port, port->line, port->used);
            }
            port->used = 0;
            port->skipping = false;
        } else if (port->used == sizeof(port->line)) {
            port->skipping = true;
        } else {
            port->line[port->used++] = bytes[i];
        }
    }
}

static void
note_connection(struct guest_port *port, bool connected)
{
    if (connected == port->connected) {
        return;
    }
    port->connected = connected;
    port->used = 0;
    port->skipping = false;
    if (connected) {
        char hello[256];

        /* It can become another machine, and write out what the machine holds. */
        snprintf(hello, sizeof(hello), HELLO "%s%s}\n", port->accounts ? ",\"accounts\":true" : "",
                 port->scripts ? ",\"scripts\":true" : "");
        (void)send_line(port, hello);
        if (port->ready) {
            say_ready(port);
        }
    }
}

void
guest_port_step(struct guest_port *port)
{
    char bytes[512];
    ssize_t n;

    if (port->fd == -1) {
        port->fd = open_device();
        if (port->fd == -1) {
            return;
        }
    }
    for (;;) {
        struct pollfd p = {.fd = port->fd, .events = POLLIN};

        if (poll(&p, 1, 0) < 0) {
            return;
        }
        note_connection(port, (p.revents & (POLLHUP | POLLERR)) == 0);
        if ((p.revents & POLLIN) == 0) {
            return;
        }
        n = read(port->fd, bytes, sizeof(bytes));
        if (n <= 0) { /* 0: the host end has gone */
            return;
        }
        take_bytes(port, bytes, (size_t)n);
    }
}
