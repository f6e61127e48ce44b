/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/convert.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib-unix.h>

#include "hostd/image/manifest.h"
#include "hostd/image/qcow2.h"
#include "protocol/base/fd.h"

#define NOBODY     65534u /* user and group, by convention */
#define IN_FD      3
#define OUT_FD     4
#define MEMORY_MAX ((rlim_t)4 << 30) /* bytes of address space */
#define TEXT_MAX   2048u             /* bytes of what it says */

/* Between fork and exec, so system calls only. What root can take from itself is taken. */
static void
on_fork(gpointer data)
{
    const struct rlimit memory = {MEMORY_MAX, MEMORY_MAX}, core = {0, 0},
                        file = {IMAGE_DISK_FILE_MAX, IMAGE_DISK_FILE_MAX};
    bool ok = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && setrlimit(RLIMIT_AS, &memory) == 0 &&
              setrlimit(RLIMIT_CORE, &core) == 0 && setrlimit(RLIMIT_FSIZE, &file) == 0;

    (void)data;
    umask(077);
    if (ok && geteuid() == 0) {
        ok = unshare(CLONE_NEWNET | CLONE_NEWIPC) == 0 && setgroups(0, NULL) == 0 &&
             setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0;
    }
    if (!ok || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) { /* last: a change of user undoes it */
        _exit(127);
    }
}

/* Reads what qemu-img says: "(12.34/100%)" is how far it is, all else is kept for the error. */
static bool
take_words(struct transfer *transfer, const char *text, GString *kept, GError **error)
{
    g_auto(GStrv) lines = g_strsplit_set(text, "\r\n", -1);

    for (guint i = 0; lines[i] != NULL; i++) {
        const char *at = strchr(lines[i], '(');
        double percent = at == NULL ? 0 : g_ascii_strtod(at + 1, NULL);

        if (strstr(lines[i], "/100%)") != NULL) {
            if (!transfer_step(transfer, "Converting", (guint64)CLAMP(percent, 0, 100), 100,
                               error)) {
                return false;
            }
        } else if (*g_strstrip(lines[i]) != '\0' && kept->len < TEXT_MAX) {
            g_string_append_printf(kept, "%s%s", kept->len == 0 ? "" : " ", lines[i]);
        }
    }
    return true;
}

/* Until it has closed its output; false when it was interrupted. */
static bool
listen_to(int fd, struct transfer *transfer, GString *kept, GError **error)
{
    char text[512];
    ssize_t n;

    do {
        n = read(fd, text, sizeof(text) - 1);
        text[MAX(n, 0)] = '\0';
        if (!transfer_step(transfer, "Converting", 0, 100, error) ||
            !take_words(transfer, text, kept, error)) {
            return false;
        }
    } while (n > 0 || (n < 0 && errno == EINTR));
    return true;
}

static bool
run(const char *const *arguments, int vmdk, int qcow2, struct transfer *transfer, GError **error)
{
    const int sources[] = {vmdk, qcow2}, targets[] = {IN_FD, OUT_FD};
    g_autoptr(GString) kept = g_string_new(NULL);
    g_autoptr(GError) problem = NULL;
    int ends[2] = {-1, -1}, status = 0;
    GPid pid = 0;
    bool ok;

    if (!g_unix_open_pipe(ends, FD_CLOEXEC, &problem) ||
        !g_spawn_async_with_pipes_and_fds(
            "/", arguments, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, on_fork, NULL,
            -1, ends[1], ends[1], sources, targets, G_N_ELEMENTS(sources), &pid, NULL, NULL, NULL,
            &problem)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "cannot run %s: %s", arguments[0],
                    problem->message);
        vd_fd_clear(&ends[0]);
        vd_fd_clear(&ends[1]);
        return false;
    }
    vd_fd_clear(&ends[1]);
    ok = listen_to(ends[0], transfer, kept, error);
    vd_fd_clear(&ends[0]);
    if (!ok) {
        kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        if (transfer_interrupted() != 0) {
            kill(pid, SIGKILL);
        }
    }
    if (ok && status != 0) {
        g_autofree char *shown = g_strescape(kept->str, NULL);

        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_DAMAGED, "the disk cannot be converted: %s",
                    shown);
    }
    return ok && status == 0;
}

/* Gives both files to the user that converts, or back. */
static bool
give(int vmdk, int qcow2, uid_t uid, gid_t gid, GError **error)
{
    if (geteuid() == 0 && (fchown(vmdk, uid, gid) != 0 || fchown(qcow2, uid, gid) != 0)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "the disk cannot be converted: %s",
                    g_strerror(errno));
        return false;
    }
    return true;
}

bool
convert_vmdk(int vmdk, int qcow2, struct transfer *transfer, GError **error)
{
    static const char *const arguments[] = {
        "qemu-img",        "convert",         "-p", "-f", "vmdk", "-O", "qcow2", "-t", "none",
        "/proc/self/fd/3", "/proc/self/fd/4", NULL};
    bool ok =
        give(vmdk, qcow2, NOBODY, NOBODY, error) && run(arguments, vmdk, qcow2, transfer, error);

    return give(vmdk, qcow2, 0, 0, ok ? error : NULL) && ok;
}
