/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_TRANSFER_H
#define VEDETTE_IMAGE_TRANSFER_H

/*
 * transfer: what all copying of large files has in common. It can be interrupted, it shows how far
 * it is once it has taken two seconds, it computes digests, keeps holes, and does not fill the
 * disk.
 */

#include <glib.h>
#include <stdbool.h>

#define TRANSFER_CHUNK        (256u * 1024) /* bytes a call */
#define TRANSFER_HOLE         (64u * 1024)  /* so many zero bytes are not written */
#define TRANSFER_FREE_PERCENT 5u            /* of the disk: that much stays free for desktops */

struct transfer;

/* SIGINT, SIGTERM and SIGHUP set a flag from now on, once a process. label stands in each line. */
struct transfer *transfer_new(const char *label);
void transfer_free(struct transfer *transfer); /* NULL-safe */

/* Says how far it is; false with an error when it was interrupted. */
bool transfer_step(struct transfer *transfer, const char *text, guint64 done, guint64 total,
                   GError **error);

/* The signal that came, or 0. */
int transfer_interrupted(void);

/*
 * A file that is written from its start to its end. data of zeros becomes a hole. False with an
 * error when it does not work or when the disk is nearly full.
 */
struct transfer_file {
    int fd; /* borrowed */
    guint64 size, checked;
    GChecksum *sum; /* SHA-256 of what was written */
};
void transfer_file_begin(struct transfer_file *file, int fd);
bool transfer_file_write(struct transfer_file *file, const guint8 *data, gsize size,
                         GError **error);
/* Sets the size; hexadecimal digits of the digest, borrowed until transfer_file_clear(). */
const char *transfer_file_end(struct transfer_file *file, GError **error);
void transfer_file_clear(struct transfer_file *file);

#endif
