/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/userdisk.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/fd.h"

#define SUFFIX ".img"
#define MIB    (1024 * 1024)

/* Any name becomes one of a file; NULL when it is too long. For g_free(). */
static char *
file_name(const char *user)
{
    g_autofree char *escaped = g_uri_escape_string(user, NULL, FALSE);

    return user[0] == '\0' || strlen(escaped) > KVM_USERDISK_NAME_MAX
               ? NULL
               : g_strconcat(escaped, SUFFIX, NULL);
}

/* The pool's folder, made if wanted; a descriptor or a negative errno. */
static int
open_folder(const char *folder, const char *pool, bool make)
{
    g_autofree char *path = g_build_filename(folder, pool, NULL);
    bool good = pool[0] != '\0' && pool[0] != '.' && strchr(pool, '/') == NULL;
    int made = !good ? -EINVAL : make ? vd_mkdir_all(path, 0700) : 0;
    int fd = made < 0 ? -1 : open(path, O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    return made < 0 ? made : fd < 0 ? -errno : fd;
}

static int
lock(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno == EWOULDBLOCK ? -EBUSY : -errno;
}

/* Grows it, and has the disk know its size and its name before anybody writes to it. */
static int
prepare(int folder, int fd, unsigned size_mb)
{
    off_t wanted = (off_t)size_mb * MIB;
    struct stat status;

    if (fstat(fd, &status) < 0) {
        return -errno;
    }
    if (!S_ISREG(status.st_mode)) {
        return -EINVAL;
    }
    if (status.st_size >= wanted) {
        return 0;
    }
    return ftruncate(fd, wanted) < 0 || fsync(fd) < 0 || fsync(folder) < 0 ? -errno : 0;
}

int
kvm_userdisk_open(const char *folder, const char *pool, const char *user, unsigned size_mb)
{
    g_autofree char *name = file_name(user);
    int parent = name == NULL ? -ENAMETOOLONG : open_folder(folder, pool, true);
    int fd;
    int result;

    if (parent < 0) {
        return parent;
    }
    fd = openat(parent, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    result = fd < 0 ? -errno : lock(fd);
    if (result == 0) {
        result = prepare(parent, fd, size_mb);
    }
    vd_fd_clear(&parent);
    if (result < 0) {
        vd_fd_clear(&fd);
        return result;
    }
    return fd;
}

int
kvm_userdisk_remove(const char *folder, const char *pool, const char *user)
{
    g_autofree char *name = file_name(user);
    int parent = name == NULL ? -ENAMETOOLONG : open_folder(folder, pool, false);
    int fd;
    int result;

    if (parent < 0) {
        return parent == -ENOENT ? 0 : parent;
    }
    fd = openat(parent, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    result = fd < 0 ? (errno == ENOENT ? 0 : -errno) : lock(fd);
    if (fd >= 0 && result == 0 && unlinkat(parent, name, 0) < 0) {
        result = -errno;
    }
    vd_fd_clear(&fd);
    vd_fd_clear(&parent);
    return result;
}
