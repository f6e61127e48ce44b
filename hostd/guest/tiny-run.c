/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/tiny-run.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "hostd/guest/run.h"

#define FLOOD_LINES 3000
#define FLOOD_BYTES 1000
#define RETRY_MS    5

static char script[GUEST_PORT_TEXT_MAX];

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
        return 3;
    } else if (strncmp(script, "flood", 5) == 0) {
        flood(port);
    }
    return 0;
}

void
tiny_run_take(struct guest_port *port, struct scene *scene, const char *type, const char *line,
              size_t size)
{
    char answer[64];

    if (!run_is_allowed()) {
        fprintf(stderr, "vedette-tiny: this machine takes no scripts\n");
    } else if (strcmp(type, "script") == 0) {
        (void)guest_port_parse_text(line, size, script); /* what does not fit does nothing */
    } else if (strncmp(script, "hang", 4) != 0) {
        snprintf(answer, sizeof(answer), "{\"type\":\"ran\",\"status\":\"%d\"}\n",
                 follow(port, scene));
        guest_port_say(port, answer);
    }
}
