/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/patchmachine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostd/image/patchline.h"
#include "hostd/kvm/socket.h"
#include "hostd/kvm/spec.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/secret.h"

#define ENGINE       "qemu-system-x86_64"
#define KVM_DEVICE   "/dev/kvm"
#define NOBODY       65534
#define FIRST_FD     3
#define HIGH_FD      64 /* above all that the child needs */
#define MAX_FDS      8
#define PIECE        1024u
#define TRY_MS       100
#define END_MS       20
#define MEMORY_MB    1024u
#define TAKES_SCRIPT " " IMAGE_PATCH_WORD

struct patchmachine {
    int folder;
    pid_t pid; /* 0: it has ended */
    int line;  /* to the agent, -1 before it is there */
    struct patchline input;
    struct patchline_message message; /* the last one */
    bool takes_scripts;               /* its agent said so */
    GString *output;                  /* of a script, an unfinished line */
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

/* The group that may open /dev/kvm; 0: none but root's. */
static gid_t
kvm_group(void)
{
    struct stat info;

    return stat(KVM_DEVICE, &info) == 0 ? info.st_gid : 0;
}

enum kvm_accel
patchmachine_accel(void)
{
    struct kvm_probe probe;

    kvm_probe_run(KVM_DEVICE, &probe);
    return geteuid() != 0 || kvm_group() != 0 ? probe.kind : KVM_ACCEL_TCG;
}

/* Under nobody's account: what an image does is foreign, whoever builds on it. */
static void
become(const struct files *files, int log, char **arguments, bool kvm, pid_t parent)
{
    gid_t group = kvm ? kvm_group() : 0;
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
    if (geteuid() == 0 &&
        (setgroups(group != 0, &group) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
        _exit(126);
    }
    /* A change of user clears the first, and the parent may have been killed by then. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        _exit(126);
    }
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
                            .accel = order->accel,
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
    pid_t parent = getpid();
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
            become(&files, log, (char **)argv->pdata, order->accel == KVM_ACCEL_KVM, parent);
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

/* Connects where need be, and reads what there is within a moment. */
static void
listen_a_moment(struct patchmachine *machine)
{
    struct pollfd ready = {.fd = machine->line, .events = POLLIN};
    struct patchline *input = &machine->input;
    ssize_t n;

    if (machine->line < 0) {
        machine->line = kvm_socket_connect(machine->folder, "agent.sock");
        machine->line = MAX(machine->line, -1);
        (void)poll(NULL, 0, machine->line < 0 ? TRY_MS : 0);
        return;
    }
    if (poll(&ready, 1, TRY_MS) > 0) {
        n = recv(machine->line, input->input + input->used, sizeof(input->input) - input->used,
                 MSG_DONTWAIT);
        input->used += n > 0 ? (size_t)n : 0;
        if (n == 0) {
            vd_fd_clear(&machine->line);
            input->used = 0;
        }
    }
}

/* The next message, waited for until then; false and *error when none comes. */
static bool
next_message(struct patchmachine *machine, int64_t until_us, GError **error)
{
    while (!patchline_next(&machine->input, &machine->message)) {
        if (!is_alive(machine)) {
            return fail(error, "the machine ended by itself");
        }
        if (vd_monotonic_us() > until_us) {
            return fail(error, "the guest took too long");
        }
        listen_a_moment(machine);
    }
    return true;
}

bool
patchmachine_wait_ready(struct patchmachine *machine, unsigned seconds, GError **error)
{
    int64_t until_us = vd_monotonic_us() + (int64_t)seconds * G_USEC_PER_SEC;

    while (next_message(machine, until_us, error)) {
        if (machine->message.kind == PATCHLINE_HELLO) {
            machine->takes_scripts = machine->message.scripts;
        } else if (machine->message.kind == PATCHLINE_READY) {
            return true;
        }
    }
    g_prefix_error(error, "the image does not come up: ");
    return false;
}

bool
patchmachine_takes_scripts(const struct patchmachine *machine)
{
    return machine->takes_scripts;
}

static void
end_line(struct patchmachine *machine, void (*tell)(const char *line))
{
    if (machine->output->len > 0) {
        g_autofree char *clean = patchline_clean(machine->output->str, machine->output->len);

        tell(clean);
        g_string_truncate(machine->output, 0);
    }
}

/* Bytes of output, as lines; false when there were too many. */
static bool
take_output(struct patchmachine *machine, void (*tell)(const char *line))
{
    const struct patchline_message *message = &machine->message;

    machine->output_bytes += message->size;
    for (size_t i = 0; i < message->size; i++) {
        bool ends = message->bytes[i] == '\n' || message->bytes[i] == '\r';

        if (ends || machine->output->len >= PIECE) {
            end_line(machine, tell);
        }
        if (!ends) {
            g_string_append_c(machine->output, message->bytes[i]);
        }
    }
    return machine->output_bytes <= PATCHMACHINE_MAX_OUTPUT;
}

/* What the agent says at the end: the numbers are the script's, the words its own (run.h). */
static bool
judge(const char *status, GError **error)
{
    return strcmp(status, "0") == 0 ||
           (strcmp(status, "refused") == 0 ? fail(error, "the machine takes no scripts")
            : strcmp(status, "lost") == 0
                ? fail(error, "not all of it arrived, so nothing was run; try again")
                : fail(error, "it ended with status %s", status));
}

static bool
send_script(struct patchmachine *machine, const char *script)
{
    size_t size = strlen(script);
    char digits[2 * PIECE + 1];
    g_autofree char *last = NULL;
    bool good = true;

    for (size_t at = 0; good && at < size; at += PIECE) {
        g_autofree char *line = NULL;

        vd_hex(digits, script + at, MIN(PIECE, size - at));
        line = g_strdup_printf("{\"type\":\"script\",\"utf8\":\"%s\"}\n", digits);
        good = say(machine, line);
    }
    last = g_strdup_printf("{\"type\":\"run\",\"size\":\"%zu\"}\n", size);
    return good && say(machine, last);
}

bool
patchmachine_run(struct patchmachine *machine, const char *script, unsigned seconds,
                 void (*tell)(const char *line), GError **error)
{
    int64_t until_us = vd_monotonic_us() + (int64_t)seconds * G_USEC_PER_SEC;

    if (!send_script(machine, script)) {
        return fail(error, "the guest does not take it");
    }
    while (next_message(machine, until_us, error)) {
        if (machine->message.kind == PATCHLINE_OUTPUT && !take_output(machine, tell)) {
            return fail(error, "it says more than %u bytes; send its output to a file in the guest",
                        PATCHMACHINE_MAX_OUTPUT);
        }
        if (machine->message.kind == PATCHLINE_RAN) {
            end_line(machine, tell);
            return judge(machine->message.status, error);
        }
    }
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
