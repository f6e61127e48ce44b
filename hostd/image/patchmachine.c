/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/patchmachine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostd/kvm/socket.h"
#include "hostd/kvm/spec.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/secret.h"

#define ENGINE       "qemu-system-x86_64"
#define NOBODY       65534
#define FIRST_FD     3
#define HIGH_FD      64 /* above all that the child needs */
#define MAX_FDS      8
#define MAX_LINE     4096u /* of the guest's agent */
#define PIECE        1024u
#define TRY_MS       100
#define END_MS       20
#define MEMORY_MB    1024u
#define TAKES_SCRIPT " vedette.patch"

struct patchmachine {
    int folder;
    pid_t pid; /* 0: it has ended */
    int line;  /* to the agent, -1 before it is there */
    char input[MAX_LINE];
    size_t used;
    bool skipping;
    GString *output; /* of a script, an unfinished line */
    size_t output_bytes;
};

struct files {
    int fds[MAX_FDS];
    int count;
};

static bool fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool
fail(GError **error, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_RECIPE, text);
    g_free(text);
    return false;
}

/* The number that the machine will know it by, or -1. */
static int
add_file(struct files *files, int fd)
{
    if (fd < 0) {
        return -1;
    }
    files->fds[files->count++] = fd;
    return FIRST_FD + files->count - 1;
}

static int
open_in(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    return name[0] == '\0' ? -1 : open(path, O_RDONLY | O_CLOEXEC);
}

static void
open_files(const struct patchmachine *machine, const struct patchmachine_order *order,
           struct files *files, struct kvm_spec *spec)
{
    const struct image_manifest *manifest = order->manifest;

    spec->qmp_fd = add_file(files, kvm_socket_listen(machine->folder, "qmp.sock"));
    spec->rescue_fd = add_file(files, kvm_socket_listen(machine->folder, "rescue.sock"));
    spec->agent_fd = add_file(files, kvm_socket_listen(machine->folder, "agent.sock"));
    spec->kernel_fd = add_file(files, open_in(order->base, manifest->kernel));
    spec->initrd_fd = add_file(files, open_in(order->base, manifest->initrd));
    spec->disk_fd = add_file(files, open(order->overlay, O_RDWR | O_CLOEXEC));
    spec->base_fd = add_file(files, open_in(order->base, manifest->disk));
    spec->middle_fd = spec->ram_fd = spec->net_fd = -1;
}

/* Under nobody's account: what an image does is foreign, whoever builds on it. */
static void
become(const struct files *files, int log, char **arguments)
{
    int high[MAX_FDS];
    int null = open("/dev/null", O_RDONLY);

    for (int i = 0; i < files->count; i++) {
        high[i] = fcntl(files->fds[i], F_DUPFD, HIGH_FD);
    }
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(log, STDOUT_FILENO);
    (void)dup2(log, STDERR_FILENO);
    for (int i = 0; i < files->count; i++) {
        (void)dup2(high[i], FIRST_FD + i);
        close(high[i]);
    }
    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
        _exit(126);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(arguments[0], arguments);
    _exit(127);
}

static bool
start(struct patchmachine *machine, const struct patchmachine_order *order, GError **error)
{
    g_autofree char *uuid = g_uuid_string_random();
    g_autofree char *cmdline =
        g_strconcat(order->manifest->cmdline, order->takes_scripts ? TAKES_SCRIPT : "", NULL);
    struct kvm_spec spec = {.name = "patch",
                            .epoch = 1,
                            .uuid = uuid,
                            .accel = KVM_ACCEL_TCG,
                            .cpu = 2,
                            .memory_mb = MAX(order->manifest->memory_min_mb, MEMORY_MB),
                            .width = 1280,
                            .height = 800,
                            .cmdline = cmdline};
    struct files files = {.count = 0};
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_auto(GStrv) arguments = NULL;
    int log =
        openat(machine->folder, "machine.log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good;

    open_files(machine, order, &files, &spec);
    good = kvm_spec_check(&spec, error);
    if (good) {
        arguments = kvm_spec_arguments(&spec);
        g_ptr_array_add(argv, (char *)ENGINE);
        for (size_t i = 0; arguments[i] != NULL; i++) {
            g_ptr_array_add(argv, arguments[i]);
        }
        g_ptr_array_add(argv, NULL);
        machine->pid = fork();
        if (machine->pid == 0) {
            become(&files, log, (char **)argv->pdata);
        }
        good = machine->pid > 0 || fail(error, "cannot start %s: %s", ENGINE, g_strerror(errno));
    }
    while (files.count > 0) {
        vd_fd_clear(&files.fds[--files.count]);
    }
    vd_fd_clear(&log);
    return good;
}

struct patchmachine *
patchmachine_new(const struct patchmachine_order *order, GError **error)
{
    struct patchmachine *machine = g_new0(struct patchmachine, 1);

    machine->line = -1;
    machine->output = g_string_new(NULL);
    machine->folder = open(order->folder, O_DIRECTORY | O_CLOEXEC);
    if (machine->folder < 0 || !start(machine, order, error)) {
        if (machine->folder < 0) {
            fail(error, "%s: %s", order->folder, g_strerror(errno));
        }
        machine->pid = MAX(machine->pid, 0);
        patchmachine_free(machine);
        return NULL;
    }
    return machine;
}

void
patchmachine_free(struct patchmachine *machine)
{
    if (machine != NULL) {
        if (machine->pid > 0) {
            kill(machine->pid, SIGKILL);
            (void)waitpid(machine->pid, NULL, 0);
        }
        vd_fd_clear(&machine->line);
        vd_fd_clear(&machine->folder);
        g_string_free(machine->output, TRUE);
        g_free(machine);
    }
}

/* False, and pid is 0, when it has ended. */
static bool
is_alive(struct patchmachine *machine)
{
    if (machine->pid > 0 && waitpid(machine->pid, NULL, WNOHANG) == machine->pid) {
        machine->pid = 0;
    }
    return machine->pid > 0;
}

static bool
say(struct patchmachine *machine, const char *text)
{
    size_t size = strlen(text), sent = 0;

    while (sent < size) {
        struct pollfd room = {.fd = machine->line, .events = POLLOUT};
        ssize_t n = send(machine->line, text + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return false;
        }
        sent += n > 0 ? (size_t)n : 0;
        if (n < 0 && (poll(&room, 1, TRY_MS) < 0 || !is_alive(machine))) {
            return false;
        }
    }
    return true;
}

/* The next message of the agent, foreign, for json_decref(); NULL when none has come yet. */
static json_t *
take_message(struct patchmachine *machine)
{
    char *end = memchr(machine->input, '\n', machine->used);
    json_t *message;
    size_t size;

    if (end == NULL) {
        if (machine->used == sizeof(machine->input)) {
            machine->used = 0; /* a line that is too long is none */
            machine->skipping = true;
        }
        return NULL;
    }
    size = (size_t)(end - machine->input);
    message = machine->skipping ? NULL : json_loadb(machine->input, size, 0, NULL);
    machine->skipping = false;
    machine->used -= size + 1;
    memmove(machine->input, end + 1, machine->used);
    return message != NULL ? message : json_object();
}

/* Connects where need be, and reads what there is within a moment. */
static void
listen_a_moment(struct patchmachine *machine)
{
    struct pollfd ready = {.fd = machine->line, .events = POLLIN};
    ssize_t n;

    if (machine->line < 0) {
        machine->line = kvm_socket_connect(machine->folder, "agent.sock");
        machine->line = MAX(machine->line, -1);
        (void)poll(NULL, 0, machine->line < 0 ? TRY_MS : 0);
        return;
    }
    if (poll(&ready, 1, TRY_MS) > 0) {
        n = recv(machine->line, machine->input + machine->used,
                 sizeof(machine->input) - machine->used, MSG_DONTWAIT);
        machine->used += n > 0 ? (size_t)n : 0;
        if (n == 0) {
            vd_fd_clear(&machine->line);
            machine->used = 0;
        }
    }
}

/* The next message, waited for until then; NULL and *error when none comes. */
static json_t *
next_message(struct patchmachine *machine, int64_t until_us, GError **error)
{
    json_t *message = take_message(machine);

    while (message == NULL) {
        if (!is_alive(machine)) {
            fail(error, "the machine ended by itself");
            return NULL;
        }
        if (vd_monotonic_us() > until_us) {
            fail(error, "the guest took too long");
            return NULL;
        }
        listen_a_moment(machine);
        message = take_message(machine);
    }
    return message;
}

static bool
is_type(const json_t *message, const char *type)
{
    return g_strcmp0(json_string_value(json_object_get(message, "type")), type) == 0;
}

bool
patchmachine_wait_ready(struct patchmachine *machine, unsigned seconds, GError **error)
{
    int64_t until_us = vd_monotonic_us() + (int64_t)seconds * G_USEC_PER_SEC;
    json_t *message;

    while ((message = next_message(machine, until_us, error)) != NULL) {
        bool ready = is_type(message, "ready");

        json_decref(message);
        if (ready) {
            return true;
        }
    }
    g_prefix_error(error, "the image does not come up: ");
    return false;
}

static int
digit(char c)
{
    return g_ascii_xdigit_value(c);
}

/* Bytes of output, as lines without what a terminal would obey. */
static bool
take_output(struct patchmachine *machine, const char *digits, void (*tell)(const char *line))
{
    for (; digits != NULL && digit(digits[0]) >= 0 && digit(digits[1]) >= 0; digits += 2) {
        char c = (char)(digit(digits[0]) << 4 | digit(digits[1]));

        if (++machine->output_bytes > PATCHMACHINE_MAX_OUTPUT) {
            return false;
        }
        if (c == '\n' || machine->output->len >= PIECE) {
            tell(machine->output->str);
            g_string_truncate(machine->output, 0);
        } else {
            g_string_append_c(machine->output, (unsigned char)c < ' ' ? ' ' : c);
        }
    }
    return true;
}

static bool
send_script(struct patchmachine *machine, const char *script)
{
    size_t size = strlen(script);
    char digits[2 * PIECE + 1];
    bool good = true;

    for (size_t at = 0; good && at < size; at += PIECE) {
        g_autofree char *line = NULL;

        vd_hex(digits, script + at, MIN(PIECE, size - at));
        line = g_strdup_printf("{\"type\":\"script\",\"utf8\":\"%s\"}\n", digits);
        good = say(machine, line);
    }
    return good && say(machine, "{\"type\":\"run\"}\n");
}

bool
patchmachine_run(struct patchmachine *machine, const char *script, unsigned seconds,
                 void (*tell)(const char *line), GError **error)
{
    int64_t until_us = vd_monotonic_us() + (int64_t)seconds * G_USEC_PER_SEC;
    json_t *message;

    if (!send_script(machine, script)) {
        return fail(error, "the guest does not take the script");
    }
    while ((message = next_message(machine, until_us, error)) != NULL) {
        g_autofree char *status =
            is_type(message, "ran")
                ? g_strdup(json_string_value(json_object_get(message, "status")))
                : NULL;
        bool room = !is_type(message, "output") ||
                    take_output(machine, json_string_value(json_object_get(message, "utf8")), tell);

        json_decref(message);
        if (!room) {
            return fail(error, "the script says more than %u bytes", PATCHMACHINE_MAX_OUTPUT);
        }
        if (status != NULL) {
            if (machine->output->len > 0) {
                tell(machine->output->str);
                g_string_truncate(machine->output, 0);
            }
            return strcmp(status, "0") == 0 ||
                   fail(error, "the script ended with status %s", status);
        }
    }
    g_prefix_error(error, "the script: ");
    return false;
}

bool
patchmachine_switch_off(struct patchmachine *machine, unsigned seconds, GError **error)
{
    int64_t until_us = vd_monotonic_us() + (int64_t)seconds * G_USEC_PER_SEC;

    if (!say(machine, "{\"type\":\"poweroff\"}\n")) {
        return fail(error, "the guest cannot be switched off");
    }
    while (is_alive(machine)) {
        if (vd_monotonic_us() > until_us) {
            return fail(error, "the guest does not switch itself off");
        }
        (void)poll(NULL, 0, END_MS);
    }
    return true;
}
