/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/ramfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/fd.h"

#define SEALS       (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define CHUNK_BYTES (256u * 1024u)

int
kvm_ramfile_new(uint64_t size)
{
    int fd = memfd_create("vedette-template", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int result;

    if (fd < 0) {
        return -errno;
    }
    /* The machine opens its own descriptor anew, under its own user. */
    if (fchmod(fd, 0666) < 0 || ftruncate(fd, (off_t)size) < 0) {
        result = -errno;
        vd_fd_clear(&fd);
        return result;
    }
    return fd;
}

bool
kvm_ramfile_seal(int fd)
{
    return fcntl(fd, F_ADD_SEALS, SEALS) == 0;
}

static bool
is_zero(const char *data, size_t size)
{
    return data[0] == '\0' && memcmp(data, data + 1, size - 1) == 0;
}

/* What is not a hole and not zero goes from one file to the other, which is empty. */
static int
copy_sparse(int from, int to, off_t size)
{
    g_autofree char *data = g_malloc(CHUNK_BYTES);
    off_t at = 0;
    int result = 0;

    while (result == 0 && at < size) {
        size_t chunk;

        at = lseek(from, at, SEEK_DATA);
        if (at < 0) {
            return errno == ENXIO ? 0 : -errno; /* only a hole is left */
        }
        chunk = (size_t)MIN((off_t)CHUNK_BYTES, size - at);
        result = lseek(from, at, SEEK_SET) < 0 ? -errno : vd_fd_read_all(from, data, chunk);
        if (result == 0 && !is_zero(data, chunk)) {
            result = lseek(to, at, SEEK_SET) < 0 ? -errno : vd_fd_write_all(to, data, chunk);
        }
        at += (off_t)chunk;
    }
    return result;
}

int
kvm_ramfile_save(int fd, const char *path)
{
    struct stat status;
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int result = file < 0 || fstat(fd, &status) < 0 ? -errno : 0;

    if (result == 0 && ftruncate(file, status.st_size) < 0) {
        result = -errno;
    }
    if (result == 0) {
        result = copy_sparse(fd, file, status.st_size);
    }
    if (result == 0 && fsync(file) < 0) {
        result = -errno;
    }
    vd_fd_clear(&file);
    return result;
}

int
kvm_ramfile_load(const char *path, uint64_t size)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int result = file < 0 || fstat(file, &status) < 0 ? -errno : 0;
    int fd = -1;

    if (result == 0 && (uint64_t)status.st_size != size) {
        result = -EINVAL;
    }
    if (result == 0) {
        fd = kvm_ramfile_new(size);
        result = fd < 0 ? fd : copy_sparse(file, fd, (off_t)size);
    }
    if (result == 0 && !kvm_ramfile_seal(fd)) {
        result = -errno;
    }
    if (result < 0 && fd >= 0) {
        vd_fd_clear(&fd);
    }
    vd_fd_clear(&file);
    return result < 0 ? result : fd;
}
