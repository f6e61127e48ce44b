/* SPDX-License-Identifier: Apache-2.0 */

/*
 * vedette-tiny: the init of the test guest. It is the only process of a machine that has a kernel,
 * a handful of modules and nothing else, and it is up in a few seconds without KVM. Shows the
 * scene, echoes input into it, follows the display's size, speaks the agent's protocol.
 *
 * Prints to the console only when something is wrong, and then goes on with what is left: a test
 * that sees no picture wants to read why.
 */

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/guest/identity.h"
#include "hostd/guest/modules.h"
#include "hostd/guest/places.h"
#include "hostd/guest/port.h"
#include "hostd/guest/run.h"
#include "hostd/guest/signin.h"
#include "hostd/guest/tiny-input.h"
#include "hostd/guest/tiny-note.h"
#include "hostd/guest/tiny-run.h"
#include "hostd/guest/tiny-screen.h"
#include "hostd/guest/uevent.h"

#define CARD      "/dev/dri/card0"
#define USER_DISK "/dev/sda"

struct guest {
    struct screen screens[1 + SCENE_SIDES];
    int screen_count;
    struct places wanted; /* where the host wants the monitors */
    struct scene scene;
    struct input input;
    struct guest_port *port;
    int uevents;
    bool shown;  /* the scene is on the screen */
    bool follow; /* the host has said something about the display */
    bool power_off;
    int slow_ms;
};

static void
complain(const char *what, int error)
{
    fprintf(stderr, "vedette-tiny: %s: %s\n", what, strerror(error < 0 ? -error : error));
}

static _Noreturn void
power_off(void)
{
    sync();
    reboot(RB_POWER_OFF);
    for (;;) { /* init must not end, or the kernel panics */
        pause();
    }
}

/* The font knows ASCII; of everything else the bytes are shown. */
static void
type_text(struct scene *scene, const char *text)
{
    char hex[8];

    for (; *text != '\0'; text++) {
        if (*text >= ' ' && *text <= '~') {
            scene_type(scene, *text);
            continue;
        }
        snprintf(hex, sizeof(hex), "<%02X>", (unsigned char)*text);
        for (const char *c = hex; *c != '\0'; c++) {
            scene_type(scene, *c);
        }
    }
}

/* The guest is one program: whoever signs in is a name on the screen, and a disk for the text. */
static void
sign_in(struct guest *guest, const char *line, size_t size)
{
    char answer[GUEST_PORT_LINE_MAX];
    struct signin signin;
    const char *text = NULL;

    if (!signin_parse(line, size, &signin)) {
        complain("account", EINVAL);
        return;
    }
    if (guest->scene.user[0] != '\0' && strcmp(guest->scene.user, signin.name) != 0) {
        text = "somebody else is signed in";
    } else if (guest->scene.user[0] == '\0' && signin.disk && !note_use(&guest->scene, USER_DISK)) {
        text = "the disk was not found";
    } else {
        snprintf(guest->scene.user, sizeof(guest->scene.user), "%s", signin.name);
    }
    signin_answer(signin.name, text, answer);
    guest_port_say(guest->port, answer);
}

/* Its card, if it has one, says a word about itself (IPv6's), and no more. */
static void
bring_card_up(void)
{
    struct ifreq request = {.ifr_name = "eth0", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd >= 0) {
        if (ioctl(fd, SIOCSIFFLAGS, &request) != 0 && errno != ENODEV) {
            complain("network card", errno);
        }
        close(fd);
    }
}

static void
on_message(void *data, const char *type, const char *line, size_t size)
{
    struct guest *guest = data;
    char text[GUEST_PORT_TEXT_MAX];
    char answer[GUEST_PORT_LINE_MAX];

    if (strcmp(type, "poweroff") == 0) {
        guest->power_off = true;
    } else if (strcmp(type, "text") == 0 && guest_port_parse_text(line, size, text)) {
        type_text(&guest->scene, text);
    } else if (strcmp(type, "script") == 0 || strcmp(type, "run") == 0) {
        tiny_run_take(guest->port, &guest->scene, type, line, size);
    } else if (strcmp(type, "monitors") == 0) {
        guest->follow = places_parse(line, size, &guest->wanted) || guest->follow;
    } else if (strcmp(type, "account") == 0) {
        sign_in(guest, line, size);
    } else if (strcmp(type, "sync") == 0 || strcmp(type, "flush") == 0) {
        sync();
        guest_port_say(guest->port, "{\"type\":\"synced\"}\n");
    } else if (strcmp(type, "identity") == 0) {
        identity_take(line, size, answer);
        guest_port_say(guest->port, answer);
        if (guest_port_parse_member(line, size, "machine", text, sizeof(text)) &&
            getrandom(&guest->scene.id, sizeof(guest->scene.id), 0) != sizeof(guest->scene.id)) {
            complain("getrandom", errno);
        }
    }
}

static void
show(struct guest *guest)
{
    struct scene *scene = &guest->scene;

    for (int i = 0; i < guest->screen_count; i++) {
        const struct rect *place = &scene->places[i];
        int rc = place->width == 0
                     ? 0
                     : screen_show(&guest->screens[i], scene_canvas(scene, i),
                                   scene->pointer_x - place->x, scene->pointer_y - place->y);

        if (rc != 0) {
            complain("flush", rc);
        }
    }
}

static void
damage_cross(struct guest *guest, int x, int y)
{
    struct scene *scene = &guest->scene;
    int side = 2 * CROSS_REACH + 1;

    for (int i = 0; i < guest->screen_count; i++) {
        if (scene->places[i].width > 0) {
            canvas_damage(scene_canvas(scene, i),
                          (struct rect){x - scene->places[i].x - CROSS_REACH,
                                        y - scene->places[i].y - CROSS_REACH, side, side});
        }
    }
}

static void
move_cursor(struct guest *guest)
{
    for (int i = 0; i < guest->screen_count; i++) {
        const struct rect *place = &guest->scene.places[i];
        int rc = place->width == 0
                     ? 0
                     : screen_set_cursor(&guest->screens[i], guest->scene.pointer_x - place->x,
                                         guest->scene.pointer_y - place->y);

        if (rc != 0) {
            complain("cursor", rc);
        }
    }
}

/* True when a display has another size than before. */
static bool
update_modes(struct guest *guest)
{
    bool any = false;

    for (int i = 0; i < guest->screen_count; i++) {
        bool changed = false;
        int rc = screen_update_mode(&guest->screens[i], &changed);

        if (rc != 0) {
            complain("mode", rc);
        }
        any = any || changed;
    }
    return any;
}

/* The displays beside each other, where the host wants them; those it said nothing of in a row. */
static void
place_screens(const struct guest *guest, struct rect *places)
{
    int right = 0;

    for (int i = 0; i < guest->screen_count; i++) {
        const struct screen *screen = &guest->screens[i];
        bool wanted = i < guest->wanted.count;

        places[i] = (struct rect){wanted ? guest->wanted.x[i] : right,
                                  wanted ? guest->wanted.y[i] : 0, screen->width, screen->height};
        right = places[i].x + places[i].width > right ? places[i].x + places[i].width : right;
    }
}

static void
follow_display(struct guest *guest)
{
    struct rect places[1 + SCENE_SIDES] = {0};
    bool changed;

    if (guest->screen_count == 0) {
        int count = screen_open(guest->screens, 1 + SCENE_SIDES, CARD);

        if (count < 0) {
            return;
        }
        guest->screen_count = count;
    }
    changed = update_modes(guest);
    if (!changed && !guest->follow) {
        return;
    }
    guest->follow = false;
    place_screens(guest, places);
    if (!guest->shown) {
        guest->scene.pointer_x = guest->screens[0].width / 2;
        guest->scene.pointer_y = guest->screens[0].height / 2;
    }
    if (!scene_arrange(&guest->scene, places)) {
        complain("canvas", ENOMEM);
        return;
    }
    for (int i = 0; i < guest->screen_count; i++) {
        canvas_damage(scene_canvas(&guest->scene, i),
                      (struct rect){0, 0, guest->screens[i].width, guest->screens[i].height});
    }
    show(guest);
    move_cursor(guest);
    guest->shown = true;
    guest_port_ready(guest->port);
}

/* Old and new place of the crosshair are two small flushes, not one large one that spans both. */
static void
refresh(struct guest *guest, int old_x, int old_y)
{
    struct scene *scene = &guest->scene;

    if (!guest->shown) {
        return;
    }
    if (scene->pointer_x != old_x || scene->pointer_y != old_y) {
        move_cursor(guest);
        damage_cross(guest, old_x, old_y);
        show(guest);
        damage_cross(guest, scene->pointer_x, scene->pointer_y);
        show(guest);
    }
    scene_update(scene);
    show(guest);
}

/*
 * "tiny.slow=MS" among the kernel's arguments makes each step last so much longer: a test wants a
 * guest that works and is too slow.
 */
static void
read_slowness(struct guest *guest)
{
    char text[2048] = "";
    FILE *file = fopen("/proc/cmdline", "re");
    const char *word =
        file != NULL && fgets(text, sizeof(text), file) != NULL ? strstr(text, "tiny.slow=") : NULL;

    guest->slow_ms = word != NULL ? (int)strtol(word + strlen("tiny.slow="), NULL, 10) : 0;
    if (file != NULL) {
        fclose(file);
    }
}

static void
step(struct guest *guest)
{
    struct pollfd fds[INPUT_MAX_DEVICES + 2];
    int count = guest->input.count, old_x = guest->scene.pointer_x, old_y = guest->scene.pointer_y;
    unsigned events = 0;

    for (int i = 0; i < count; i++) {
        fds[i] = (struct pollfd){.fd = guest->input.devices[i].fd, .events = POLLIN};
    }
    fds[count] = (struct pollfd){.fd = guest->uevents, .events = POLLIN};
    fds[count + 1] = (struct pollfd){.fd = guest_port_fd(guest->port), .events = POLLIN};
    if (poll(fds, (nfds_t)count + 2, fds[count + 1].fd == -1 ? GUEST_PORT_RETRY_MS : -1) < 0) {
        return;
    }
    for (int i = count - 1; i >= 0;
         i--) { /* backwards: a device that is gone is replaced by the last */
        if (fds[i].revents != 0) {
            input_take(&guest->input, &guest->input.devices[i], &guest->scene);
        }
    }
    guest_port_step(guest->port);
    if (guest->slow_ms > 0) {
        poll(NULL, 0, guest->slow_ms);
    }
    refresh(guest, old_x, old_y);
    note_save(&guest->scene);
    events = guest->uevents >= 0 ? uevent_take(guest->uevents) : 0;
    if ((events & UEVENT_INPUT) != 0) {
        input_scan(&guest->input);
    }
    if ((events & UEVENT_DISPLAY) != 0 || !guest->shown || guest->follow) {
        follow_display(guest);
    }
}

int
main(void)
{
    static struct guest guest;

    if (getpid() != 1) {
        fprintf(stderr, "vedette-tiny: runs as the init of a test guest only\n");
        return 2;
    }
    reboot(RB_DISABLE_CAD); /* Ctrl+Alt+Del is three keys, not the end of the machine */
    guest_mount_kernel();
    mkdir("/etc", 0755); /* where a name and an id are kept */
    mkdir("/run", 0755);
    read_slowness(&guest);
    guest.uevents = uevent_open(); /* before the modules: nothing that they bring is missed */
    guest_load_modules();
    bring_card_up();
    guest.port = guest_port_new(on_message, &guest);
    if (guest.port == NULL || guest.uevents < 0) {
        complain("start", guest.uevents < 0 ? guest.uevents : ENOMEM);
        power_off();
    }
    if (run_is_allowed()) {
        guest_port_offer_scripts(guest.port);
    }
    if (getrandom(&guest.scene.id, sizeof(guest.scene.id), 0) != sizeof(guest.scene.id)) {
        complain("getrandom", errno);
    }
    guest_port_offer_accounts(guest.port);
    note_load(&guest.scene);
    input_scan(&guest.input);
    follow_display(&guest);
    guest_port_step(guest.port);
    while (!guest.power_off && !guest.input.power) {
        step(&guest);
    }
    power_off();
}
