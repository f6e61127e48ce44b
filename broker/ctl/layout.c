/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/ctl/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/fd.h"

#define LOCK_TEXT_MAX 32

static const struct {
    const char *name;
    enum ctl_user user;
    mode_t mode;
} folders[] = {
    {"pki", CTL_USER_ROOT, 0755},   {"broker", CTL_USER_BROKER, 0700},
    {"hostd", CTL_USER_HOST, 0700}, {"images", CTL_USER_ROOT, 0755},
    {"run", CTL_USER_BROKER, 0711},
};

uid_t
ctl_uid_of(const struct ctl_up_settings *settings, enum ctl_user user)
{
    return settings->change_uid && user != CTL_USER_ROOT ? settings->uid_base + (uid_t)user
                                                         : geteuid();
}

static gboolean
fail(GError **error, int code, const char *what, const char *path)
{
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "cannot %s %s: %s", what, path,
                g_strerror(code));
    return FALSE;
}

/* A fresh folder is given its owner; one that is there must have it already. */
static gboolean
make_folder(const struct ctl_up_settings *settings, const char *path, enum ctl_user user,
            mode_t mode, GError **error)
{
    uid_t uid = ctl_uid_of(settings, user);
    gboolean fresh = mkdir(path, 0700) == 0;
    gboolean done = TRUE;
    struct stat info;
    int fd;

    if (!fresh && errno != EEXIST) {
        return fail(error, errno, "make", path);
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return fail(error, errno, "open", path);
    }
    if (fresh && settings->change_uid && fchown(fd, uid, (gid_t)uid) < 0) {
        done = fail(error, errno, "change the owner of", path);
    } else if (fstat(fd, &info) < 0 || info.st_uid != uid) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
                    "%s does not belong to user %lu: it was made with another --uid-base; use that "
                    "one, or change the owner with 'chown -R %lu:%lu %s'",
                    path, (unsigned long)uid, (unsigned long)uid, (unsigned long)uid, path);
        done = FALSE;
    } else if (fchmod(fd, mode) < 0) {
        done = fail(error, errno, "set the mode of", path);
    }
    vd_fd_clear(&fd);
    return done;
}

gboolean
ctl_layout_make(const struct ctl_up_settings *settings, GError **error)
{
    size_t i;
    int result = vd_mkdir_all(settings->state, 0711);

    if (result < 0) {
        return fail(error, -result, "make", settings->state);
    }
    if (!make_folder(settings, settings->state, CTL_USER_ROOT, 0711, error)) {
        return FALSE;
    }
    for (i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = g_build_filename(settings->state, folders[i].name, NULL);

        if (!make_folder(settings, path, folders[i].user, folders[i].mode, error)) {
            return FALSE;
        }
    }
    if (!g_file_test(settings->config, G_FILE_TEST_IS_DIR)) {
        g_autofree char *pools = g_build_filename(settings->config, "pools.d", NULL);

        result = vd_mkdir_all(pools, 0755);
        if (result < 0) {
            return fail(error, -result, "make", pools);
        }
    }
    return TRUE;
}

int
ctl_layout_lock(const struct ctl_up_settings *settings, GError **error)
{
    g_autofree char *path = g_build_filename(settings->state, "up.lock", NULL);
    char text[LOCK_TEXT_MAX] = {0};
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

    if (fd < 0) {
        (void)fail(error, errno, "open", path);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        (void)!pread(fd, text, sizeof(text) - 1, 0);
        g_strchomp(text);
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_BUSY,
                    "another 'vedettectl up' (pid %s) runs on %s; end it with 'kill %s', or use "
                    "another --state",
                    text, settings->state, text);
        vd_fd_clear(&fd);
        return -1;
    }
    (void)g_snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || vd_fd_write_all(fd, text, strlen(text)) < 0) {
        (void)fail(error, errno, "write", path);
        vd_fd_clear(&fd);
    }
    return fd;
}

gboolean
ctl_layout_write(const struct ctl_up_settings *settings, const char *path, const char *text,
                 enum ctl_user user, mode_t mode, GError **error)
{
    uid_t uid = ctl_uid_of(settings, user);
    int result = vd_file_replace(path, text, strlen(text), mode);

    if (result < 0) {
        return fail(error, -result, "write", path);
    }
    if (settings->change_uid && lchown(path, uid, (gid_t)uid) < 0) {
        return fail(error, errno, "change the owner of", path);
    }
    return TRUE;
}
