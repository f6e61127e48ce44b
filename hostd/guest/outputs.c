/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/outputs.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CONNECTED    " connected"
#define DISCONNECTED " disconnected "

/* "NAME connected ..." or "NAME disconnected [WxH+X+Y] ..." */
bool
outputs_parse(const char *line, struct output *ret_output)
{
    size_t length = strcspn(line, " ");
    const char *state = line + length;
    bool connected = strncmp(state, CONNECTED, sizeof(CONNECTED) - 1) == 0;
    bool disconnected = strncmp(state, DISCONNECTED, sizeof(DISCONNECTED) - 1) == 0;

    if (length == 0 || length >= OUTPUTS_NAME_MAX || (!connected && !disconnected)) {
        return false;
    }
    *ret_output = (struct output){.connected = connected};
    memcpy(ret_output->name, line, length);
    state += disconnected ? sizeof(DISCONNECTED) - 1 : 0;
    ret_output->on = disconnected && *state >= '0' && *state <= '9';
    return true;
}

static char *
word(const char *text)
{
    return (char *)(uintptr_t)text; /* whoever starts a program writes to none of its arguments */
}

/* Where a connected one is to be; before is the one before it, or NULL. The words that it took. */
static int
place(char **argv, char at[32], const struct output *before, bool placed, int x, int y)
{
    if (before != NULL && !placed) {
        argv[0] = word("--right-of");
        argv[1] = word(before->name);
    } else {
        snprintf(at, 32, "%dx%d", placed ? x : 0, placed ? y : 0);
        argv[0] = word("--pos");
        argv[1] = at;
    }
    return 2;
}

bool
outputs_command(const struct output *outputs, int count, const struct places *places,
                struct outputs_command *ret_command)
{
    char **argv = ret_command->argv;
    const struct output *before = NULL;
    int connected = 0;

    for (int i = 0; i < count; i++) {
        connected += outputs[i].connected ? 1 : 0;
    }
    *argv++ = word("xrandr");
    for (int i = 0; i < count && i < PLACES_MAX; i++) {
        const struct output *one = &outputs[i];

        if (!one->connected && !one->on) {
            continue;
        }
        *argv++ = word("--output");
        *argv++ = word(one->name);
        if (!one->connected) {
            *argv++ = word("--off");
            continue;
        }
        *argv++ = word("--preferred");
        argv += place(argv, ret_command->at[i], before, connected > 1 && i < places->count,
                      places->x[i], places->y[i]);
        if (before == NULL && connected > 1) {
            *argv++ = word("--primary");
        }
        before = one;
    }
    *argv = NULL;
    return connected > 0;
}
