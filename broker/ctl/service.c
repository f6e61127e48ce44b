/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/ctl/service.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/ctl/relay.h"
#include "protocol/base/fd.h"
#include "protocol/launch/spawn.h"

#define READY_TEXT "notice main: ready"

struct ctl_service {
    const char *name;
    const char *program;
    const char *path;
    uid_t uid;   /* (uid_t)-1: ours */
    gid_t group; /* (gid_t)-1: none */
    const struct ctl_service_events *events;
    void *user_data;
    pid_t pid;
    bool is_ready;
    bool was_told; /* to end: its end is no news */
    struct ctl_relay *relay;
};

struct ctl_service *
ctl_service_new(const char *name, const char *program, const char *path, uid_t uid, bool change_uid,
                const struct ctl_service_events *events, void *user_data)
{
    struct ctl_service *service = g_new0(struct ctl_service, 1);

    service->name = name;
    service->program = program;
    service->path = path;
    service->uid = change_uid ? uid : (uid_t)-1;
    service->group = (gid_t)-1;
    service->events = events;
    service->user_data = user_data;
    return service;
}

void
ctl_service_set_group(struct ctl_service *service, gid_t group)
{
    service->group = group;
}

void
ctl_service_free(struct ctl_service *service)
{
    if (service != NULL) {
        ctl_service_signal(service, SIGKILL);
        ctl_relay_free(service->relay);
        g_free(service);
    }
}

static void
on_line(const char *line, void *user_data)
{
    struct ctl_service *service = user_data;

    if (!service->is_ready && g_str_has_prefix(line, service->program) &&
        g_str_has_suffix(line, READY_TEXT)) {
        service->is_ready = true;
        service->events->ready(service, service->user_data);
    }
}

gboolean
ctl_service_start(struct ctl_service *service, const char *const *arguments, const int *fds,
                  size_t fd_count, GError **error)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    struct vd_launch_program program = {.fd = -1};
    struct vd_launch_child child = {
        .program = &program, .fds = fds, .fd_count = fd_count, .extra = service->group};
    struct vd_process process = {0};
    int log_pipe[2] = {-1, -1};
    int pidfd = -1;
    int result = vd_launch_program_open(&program, service->path);

    g_ptr_array_add(argv, (char *)service->program);
    for (; *arguments != NULL; arguments++) {
        g_ptr_array_add(argv, (char *)*arguments);
    }
    g_ptr_array_add(argv, NULL);
    if (result == 0 && pipe2(log_pipe, O_CLOEXEC) < 0) {
        result = -errno;
    }
    if (result == 0) {
        child.argv = (const char *const *)argv->pdata;
        child.log_fd = log_pipe[1];
        child.uid = service->uid;
        result = vd_launch_spawn_helper(&child, &process, &pidfd);
    }
    vd_fd_clear(&pidfd); /* SIGCHLD tells of the end */
    vd_fd_clear(&log_pipe[1]);
    vd_launch_program_close(&program);
    if (result < 0) {
        vd_fd_clear(&log_pipe[0]);
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(-result), "cannot start %s: %s",
                    service->path, g_strerror(-result));
        return FALSE;
    }
    ctl_relay_free(service->relay);
    service->relay = ctl_relay_new(log_pipe[0], service->name, on_line, service);
    service->pid = process.pid;
    service->is_ready = false;
    service->was_told = false;
    return TRUE;
}

void
ctl_service_signal(struct ctl_service *service, int signal)
{
    if (service->pid > 0) {
        service->was_told = service->was_told || signal == SIGTERM || signal == SIGKILL;
        (void)kill(service->pid, signal); /* not reaped yet: the number is still its own */
    }
}

bool
ctl_service_reaped(struct ctl_service *service, pid_t pid, int status)
{
    if (pid != service->pid) {
        return false;
    }
    service->pid = 0;
    service->is_ready = false;
    ctl_relay_free(service->relay); /* its last words come before the news of its end */
    service->relay = NULL;
    if (service->was_told) {
        return true;
    }
    if (WIFSIGNALED(status)) {
        ctl_relay_print("up", "%s died of signal %d", service->name, WTERMSIG(status));
    } else if (WEXITSTATUS(status) != 0) {
        ctl_relay_print("up", "%s ended with status %d", service->name, WEXITSTATUS(status));
    }
    return true;
}

pid_t
ctl_service_pid(const struct ctl_service *service)
{
    return service->pid;
}

bool
ctl_service_is_ready(const struct ctl_service *service)
{
    return service->is_ready;
}

const char *
ctl_service_name(const struct ctl_service *service)
{
    return service->name;
}
