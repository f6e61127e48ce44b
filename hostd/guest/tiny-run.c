/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/tiny-run.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>

#include "hostd/guest/run.h"

#define FLOOD_LINES 3000
#define FLOOD_BYTES 1000
#define RETRY_MS    5

static char script[GUEST_PORT_TEXT_MAX];
static size_t script_bytes; /* of all of its pieces, of which the last is kept */

static void
say_output(struct guest_port *port, const char *text)
{
    char line[GUEST_PORT_LINE_MAX];
    int used = snprintf(line, sizeof(line), "{\"type\":\"output\",\"utf8\":\"");

    for (; *text != '\0'; text++) {
        used += snprintf(line + used, sizeof(line) - (size_t)used, "%02x", (unsigned char)*text);
    }
    snprintf(line + used, sizeof(line) - (size_t)used, "\"}\n");
    while (!guest_port_try(port, line)) {
        poll(NULL, 0, RETRY_MS);
    }
}

static void
flood(struct guest_port *port)
{
    char text[FLOOD_BYTES + 2];

    memset(text, 'x', FLOOD_BYTES);
    memcpy(text + FLOOD_BYTES, "\n", 2);
    for (int i = 0; i < FLOOD_LINES; i++) {
        say_output(port, text);
    }
}

/* What the image's own programs would be asked to do before it is sealed is nothing here. */
static int
follow(struct guest_port *port, struct scene *scene)
{
    if (strncmp(script, "note ", 5) == 0) {
        for (const char *c = script + 5; *c != '\0'; c++) {
            scene_type(scene, *c);
        }
        say_output(port, "noted\n");
    } else if (strncmp(script, "fail", 4) == 0) {
        say_output(port, "there is no package of that name\n");
        say_output(port, "\x1b[2J\xc2\x9b"
                         "2J\xff 갱신\ttwo\r\n@progress 99 not so");
        return 3;
    } else if (strncmp(script, "flood", 5) == 0) {
        flood(port);
    } else if (strncmp(script, "crash", 5) == 0) {
        reboot(RB_POWER_OFF);
    }
    return 0;
}

void
tiny_run_take(struct guest_port *port, struct scene *scene, const char *type, const char *line,
              size_t size)
{
    char answer[GUEST_PORT_LINE_MAX], status[16];
    bool allowed = run_is_allowed();
    size_t bytes;

    if (strcmp(type, "script") == 0) {
        if (allowed && guest_port_parse_text(line, size, script)) {
            script_bytes += strlen(script);
        }
        return;
    }
    if (!allowed) {
        run_answer(RUN_REFUSED, answer);
    } else if (!run_parse_size(line, size, &bytes) || bytes != script_bytes) {
        run_answer(RUN_LOST, answer);
    } else if (strncmp(script, "hang", 4) == 0) {
        return;
    } else {
        snprintf(status, sizeof(status), "%d", follow(port, scene));
        run_answer(status, answer);
    }
    script_bytes = 0;
    guest_port_say(port, answer);
}
