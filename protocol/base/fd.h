/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_BASE_FD_H
#define VEDETTE_BASE_FD_H

/*
 * fd: file descriptors with an owner, and files that are replaced whole or not at all.
 *
 * Every function returns 0 (or a descriptor) or a negative errno. All descriptors are
 * close-on-exec.
 */

#include <stddef.h>
#include <sys/types.h>

/* Closes *fd when it is not -1 and sets it to -1. Keeps errno. */
void vd_fd_clear(int *fd);

/* Reads or writes all size bytes, across EINTR and short counts. A read that ends early is -EPIPE.
 */
int vd_fd_read_all(int fd, void *data, size_t size);
int vd_fd_write_all(int fd, const void *data, size_t size);

/*
 * Writes path so that after a crash it holds the old or the new contents: temporary file beside it,
 * fsync, rename, fsync of the folder.
 */
int vd_file_replace(const char *path, const void *data, size_t size, mode_t mode);

/* Removes what a vd_file_replace() that was killed left in a folder that nobody writes to now. */
void vd_folder_sweep(const char *path);

/*
 * Reads a whole file of at most max bytes; a larger one is -EFBIG. *ret_data is terminated with an
 * extra zero byte and belongs to the caller (free()).
 */
int vd_file_read(const char *path, size_t max, char **ret_data, size_t *ret_size);

/* mkdir -p with mode for the folders that are made. */
int vd_mkdir_all(const char *path, mode_t mode);

#endif
