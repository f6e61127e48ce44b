/* SPDX-License-Identifier: Apache-2.0 */
/* scene-vm: the scenes of scenes.c as the only process of a machine, drawn to its display through
 * the kernel. The host asks over a port, a line at a time: "play KIND FRAMES BASE SLOWER KEYS",
 * "warm", "go", "stop", "time". The log goes there too, after the last frame. */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/peers/guest.h"
#include "tests/bench/peers/player.h"

struct machine {
    struct player player; /* the first: an output is given this */
    struct guest guest;
    char *log;
    size_t log_size;
    char line[128];
    size_t used;
};

static struct machine *
machine_of(struct player *player)
{
    return (struct machine *)(void *)player;
}

static void
machine_put(struct player *player, const struct area *area)
{
    struct guest *guest = &machine_of(player)->guest;

    for (int row = area->y; row < area->y + area->height; row++)
        memcpy(guest->memory + (size_t)row * guest->pitch + (size_t)area->x * 4,
               player->state.screen->pixels + (size_t)row * SCENE_WIDTH + area->x,
               (size_t)area->width * 4);
    guest_flush(guest, area->x, area->y, area->width, area->height);
}

static void
machine_sync(struct player *player)
{
    (void)player; /* a flush has happened when it returns */
}

static int
machine_wait(struct player *player, int64_t when)
{
    struct machine *machine = machine_of(player);
    struct pollfd ends[GUEST_KEYBOARDS + 1];
    int keyboards = player->keys ? machine->guest.keyboard_count : 0;

    for (int i = 0; i < keyboards; i++)
        ends[i] = (struct pollfd){.fd = machine->guest.keyboards[i], .events = POLLIN};
    ends[keyboards] = (struct pollfd){.fd = machine->guest.port, .events = POLLIN};
    while (player_now_ns() < when) {
        int64_t left = when - player_now_ns();
        struct timespec patience = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};

        if (left > 0 &&
            ppoll(ends, (nfds_t)keyboards + 1, when == INT64_MAX ? NULL : &patience, NULL) < 0 &&
            errno != EINTR)
            err(1, "poll");
        if (keyboards > 0 && guest_take_keys(&machine->guest))
            return 1;
        if (ends[keyboards].revents & POLLIN)
            return -1;
    }
    return 0;
}

static const struct player_output machine_output = {machine_put, NULL, machine_sync, machine_wait};

static void
say(struct machine *machine, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(machine->guest.port, text, size);

        if (n < 0 && errno != EINTR && errno != EAGAIN)
            err(1, "write to the port");
        if (n > 0) {
            text += n;
            size -= (size_t)n;
        }
    }
}

/* The next line of the host. */
static void
listen_to(struct machine *machine, char *line, size_t size)
{
    char *end;

    while (!(end = memchr(machine->line, '\n', machine->used))) {
        ssize_t n = read(machine->guest.port, machine->line + machine->used,
                         sizeof machine->line - machine->used);

        if (n > 0)
            machine->used += (size_t)n;
        else
            usleep(20000); /* nobody is at the other end yet */
        if (machine->used == sizeof machine->line)
            errx(1, "a line of the host is too long");
    }
    *end = '\0';
    snprintf(line, size, "%s", machine->line);
    machine->used -= (size_t)(end + 1 - machine->line);
    memmove(machine->line, end + 1, machine->used);
}

static void
take_play(struct machine *machine, const char *line)
{
    struct player *player = &machine->player;
    char kind[32], answer[128] = "";
    int base = 0, keys = 0;
    FILE *out = fmemopen(answer, sizeof answer, "w");

    if (player->kind)
        player_end(player);
    *player = (struct player){.output = &machine_output};
    if (sscanf(line, "play %31s %d %d %d %d", kind, &player->frames, &base, &player->slower,
               &keys) != 5)
        errx(1, "not understood: %s", line);
    player->kind = scene_kind_find(kind);
    if (!player->kind || !out)
        errx(1, "no scene: %s", kind);
    player->base = (uint16_t)base;
    player->keys = keys != 0;
    player_begin(player);
    player_put_all(player);
    guest_take_keys(&machine->guest);
    player_describe(player, out);
    fclose(out);
    say(machine, answer, strlen(answer));
}

static void
take_go(struct machine *machine)
{
    struct player *player = &machine->player;

    free(machine->log);
    player->log = open_memstream(&machine->log, &machine->log_size);
    if (!player->log)
        err(1, NULL);
    player_run(player);
    fclose(player->log);
    say(machine, machine->log, machine->log_size);
    say(machine, "done\n", 5);
}

int
main(void)
{
    static struct machine machine;
    char line[128], answer[64];

    if (getpid() != 1)
        errx(2, "runs as the init of a machine only");
    setenv("HOME", "/", 1);
    guest_start(&machine.guest, SCENE_WIDTH, SCENE_HEIGHT);
    for (;;) {
        listen_to(&machine, line, sizeof line);
        if (strncmp(line, "play ", 5) == 0) {
            take_play(&machine, line);
        } else if (strcmp(line, "warm") == 0) {
            player_warm(&machine.player);
            say(&machine, "warmed\n", 7);
        } else if (strcmp(line, "go") == 0) {
            take_go(&machine);
        } else if (strcmp(line, "time") == 0) {
            snprintf(answer, sizeof answer, "time %lld\n", (long long)player_now_ns());
            say(&machine, answer, strlen(answer));
        }
    }
}
