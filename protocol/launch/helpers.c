/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/launch/helpers.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "protocol/base/fd.h"
#include "protocol/base/log.h"

bool
vd_launch_helpers_is_full(const struct vd_launch_helpers *helpers)
{
    return helpers->count >= VD_LAUNCH_MAX_PAM;
}

void
vd_launch_helpers_add(struct vd_launch_helpers *helpers, pid_t pid, int pidfd, int64_t deadline_us)
{
    helpers->items[helpers->count++] =
        (struct vd_launch_helper){.pidfd = pidfd, .pid = pid, .deadline_us = deadline_us};
}

size_t
vd_launch_helpers_polls(const struct vd_launch_helpers *helpers, struct pollfd *ret_polls)
{
    size_t i;

    for (i = 0; i < helpers->count; i++) {
        ret_polls[i] = (struct pollfd){.fd = helpers->items[i].pidfd, .events = POLLIN};
    }
    return helpers->count;
}

int
vd_launch_helpers_timeout(const struct vd_launch_helpers *helpers, int64_t now_us)
{
    int64_t wait_us = -1;
    size_t i;

    for (i = 0; i < helpers->count; i++) {
        const struct vd_launch_helper *helper = &helpers->items[i];
        int64_t left = helper->deadline_us > now_us ? helper->deadline_us - now_us : 0;

        if (!helper->killed && (wait_us < 0 || left < wait_us)) {
            wait_us = left;
        }
    }
    return wait_us < 0 ? -1 : (int)((wait_us + 999) / 1000);
}

/* Not reaped yet, so pid still names it and its session. */
static void
kill_session(const struct vd_launch_helper *helper)
{
    (void)kill(-helper->pid, SIGKILL); /* what its modules started */
    (void)kill(helper->pid, SIGKILL);
}

static bool
reap(struct vd_launch_helper *helper)
{
    siginfo_t info = {0};
    int result;

    do {
        result = waitid(P_PID, (id_t)helper->pid, &info, WEXITED | WNOWAIT | WNOHANG);
    } while (result < 0 && errno == EINTR);
    if (result == 0 && info.si_pid == 0) {
        return false; /* still running */
    }
    (void)kill(-helper->pid, SIGKILL);
    while (waitpid(helper->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    if (helper->killed) {
        vd_warning("launch", "helper %ld was killed: its time was over", (long)helper->pid);
    } else if (info.si_code != CLD_EXITED) {
        vd_warning("launch", "helper %ld died of signal %d", (long)helper->pid, info.si_status);
    }
    vd_fd_clear(&helper->pidfd);
    return true;
}

void
vd_launch_helpers_tend(struct vd_launch_helpers *helpers, int64_t now_us)
{
    size_t i = 0;

    while (i < helpers->count) {
        struct vd_launch_helper *helper = &helpers->items[i];

        if (reap(helper)) {
            *helper = helpers->items[--helpers->count];
            continue;
        }
        if (!helper->killed && helper->deadline_us <= now_us) {
            kill_session(helper);
            helper->killed = true;
        }
        i++;
    }
}

void
vd_launch_helpers_end(struct vd_launch_helpers *helpers)
{
    while (helpers->count > 0) {
        struct vd_launch_helper *helper = &helpers->items[--helpers->count];

        kill_session(helper);
        while (waitpid(helper->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        vd_fd_clear(&helper->pidfd);
    }
}
