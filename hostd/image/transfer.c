/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/transfer.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "hostd/image/manifest.h"
#include "hostd/image/progress.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"

#define QUIET_US    (2 * G_USEC_PER_SEC) /* what is over by then shows nothing */
#define EVERY_US    (G_USEC_PER_SEC / 10)
#define CHECK_BYTES (64u * 1024 * 1024) /* written between two looks at the room */

static volatile sig_atomic_t interrupted;

struct transfer {
    struct progress *progress;
    gint64 begun_us, shown_us;
};

static void
on_signal(int number)
{
    interrupted = number;
}

struct transfer *
transfer_new(const char *label)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal}; /* system calls end early, too */
    struct transfer *transfer = g_new0(struct transfer, 1);

    for (guint i = 0; i < G_N_ELEMENTS(signals); i++) {
        (void)sigaction(signals[i], &action, NULL);
    }
    transfer->progress = progress_new(label);
    transfer->begun_us = vd_monotonic_us();
    return transfer;
}

void
transfer_free(struct transfer *transfer)
{
    if (transfer != NULL) {
        progress_free(transfer->progress);
        g_free(transfer);
    }
}

int
transfer_interrupted(void)
{
    return interrupted;
}

bool
transfer_step(struct transfer *transfer, const char *text, guint64 done, guint64 total,
              GError **error)
{
    gint64 now = vd_monotonic_us();

    if (interrupted != 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "interrupted (%s)",
                    g_strsignal(interrupted));
        return false;
    }
    if (now - transfer->begun_us >= QUIET_US && now - transfer->shown_us >= EVERY_US) {
        double part = total == 0 ? 1 : (double)MIN(done, total) / (double)total;

        transfer->shown_us = now;
        progress_show(transfer->progress, (int)(100 * part), text);
    }
    return true;
}

void
transfer_file_begin(struct transfer_file *file, int fd)
{
    *file = (struct transfer_file){.fd = fd, .sum = g_checksum_new(G_CHECKSUM_SHA256)};
}

static bool
check_room(struct transfer_file *file, GError **error)
{
    struct statvfs status;

    if (file->size < file->checked) {
        return true;
    }
    file->checked = file->size + CHECK_BYTES;
    if (fstatvfs(file->fd, &status) == 0 &&
        (guint64)status.f_bavail * 100 < (guint64)status.f_blocks * TRANSFER_FREE_PERCENT) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO,
                    "the disk is nearly full: %u %% of it stay free for desktops",
                    TRANSFER_FREE_PERCENT);
        return false;
    }
    return true;
}

static bool
is_zero(const guint8 *data, gsize size)
{
    return size > 0 && data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

static bool
io_error(GError **error, int code)
{
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "the file cannot be written: %s",
                g_strerror(code));
    return false;
}

bool
transfer_file_write(struct transfer_file *file, const guint8 *data, gsize size, GError **error)
{
    g_checksum_update(file->sum, data, (gssize)size);
    for (gsize at = 0; at < size;) {
        gsize part = MIN(size - at, TRANSFER_HOLE);

        if (is_zero(data + at, part)) {
            if (lseek(file->fd, (off_t)part, SEEK_CUR) < 0) {
                return io_error(error, errno);
            }
        } else {
            int rc = check_room(file, error) ? vd_fd_write_all(file->fd, data + at, part) : 1;

            if (rc != 0) {
                return rc > 0 ? false : io_error(error, -rc);
            }
        }
        file->size += part;
        at += part;
    }
    return true;
}

const char *
transfer_file_end(struct transfer_file *file, GError **error)
{
    if (ftruncate(file->fd, (off_t)file->size) != 0) {
        io_error(error, errno);
        return NULL;
    }
    return g_checksum_get_string(file->sum);
}

void
transfer_file_clear(struct transfer_file *file)
{
    g_clear_pointer(&file->sum, g_checksum_free);
}
