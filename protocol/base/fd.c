/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY ".tmp-" /* and six more characters: what is not yet in its place */

void
vd_fd_clear(int *fd)
{
    int saved = errno;

    if (*fd >= 0) {
        (void)close(*fd); /* the number is released even when close fails */
        *fd = -1;
    }
    errno = saved;
}

int
vd_fd_read_all(int fd, void *data, size_t size)
{
    char *at = data;

    while (size > 0) {
        ssize_t n = read(fd, at, size);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        if (n == 0) {
            return -EPIPE;
        }
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

int
vd_fd_write_all(int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t n = write(fd, at, size);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

static int
sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    int fd;
    int result = 0;

    if (snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder)) {
        return -ENAMETOOLONG;
    }
    fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    if (fsync(fd) < 0) {
        result = -errno;
    }
    vd_fd_clear(&fd);
    return result;
}

int
vd_file_replace(const char *path, const void *data, size_t size, mode_t mode)
{
    char temporary[PATH_MAX];
    int fd;
    int result;

    if (snprintf(temporary, sizeof(temporary), "%s" TEMPORARY "XXXXXX", path) >=
        (int)sizeof(temporary)) {
        return -ENAMETOOLONG;
    }
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    result = vd_fd_write_all(fd, data, size);
    if (result == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0)) {
        result = -errno;
    }
    vd_fd_clear(&fd);
    if (result == 0 && rename(temporary, path) < 0) {
        result = -errno;
    }
    if (result < 0) {
        (void)unlink(temporary);
        return result;
    }
    return sync_folder_of(path);
}

/* "NAME.tmp-" and what mkostemp() puts for the X. */
static bool
is_temporary(const char *name)
{
    const char *mark = strstr(name, TEMPORARY);

    return mark != NULL && strlen(mark) == sizeof(TEMPORARY "XXXXXX") - 1;
}

void
vd_folder_sweep(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (is_temporary(entry->d_name)) {
            (void)unlinkat(dirfd(folder), entry->d_name, 0); /* it is looked for again next time */
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

int
vd_file_read(const char *path, size_t max, char **ret_data, size_t *ret_size)
{
    struct stat info;
    char *data;
    size_t used = 0;
    size_t room;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return -errno;
    }
    if (fstat(fd, &info) < 0) {
        int result = -errno;

        vd_fd_clear(&fd);
        return result;
    }
    if (info.st_size < 0 || (size_t)info.st_size > max) {
        vd_fd_clear(&fd);
        return -EFBIG;
    }
    /* Files under /proc say zero; read on until the limit. */
    room = info.st_size > 0 ? (size_t)info.st_size : max;
    data = malloc(room + 1);
    while (data != NULL && used < room) {
        ssize_t n = read(fd, data + used, room - used);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            int result = -errno;

            free(data);
            vd_fd_clear(&fd);
            return result;
        }
        if (n == 0) {
            break;
        }
        used += (size_t)n;
    }
    vd_fd_clear(&fd);
    if (data == NULL) {
        return -ENOMEM;
    }
    data[used] = '\0';
    *ret_data = data;
    if (ret_size != NULL) {
        *ret_size = used;
    }
    return 0;
}

int
vd_mkdir_all(const char *path, mode_t mode)
{
    char partial[PATH_MAX];
    char *slash;

    if (snprintf(partial, sizeof(partial), "%s", path) >= (int)sizeof(partial)) {
        return -ENAMETOOLONG;
    }
    for (slash = strchr(partial + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(partial, mode) < 0 && errno != EEXIST) {
            return -errno;
        }
        *slash = '/';
    }
    if (mkdir(partial, mode) < 0 && errno != EEXIST) {
        return -errno;
    }
    return 0;
}
