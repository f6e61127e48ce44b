/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_PATCHLINE_H
#define VEDETTE_IMAGE_PATCHLINE_H

/*
 * patchline: what the agent of a machine that is patched says, out of any bytes.
 *
 * Pure: no I/O. Whoever made the image made the agent, so all of it is foreign.
 */

#include <stdbool.h>
#include <stddef.h>

#define PATCHLINE_MAX        4096u /* bytes of one line; longer ones are dropped */
#define PATCHLINE_STATUS_MAX 16u

enum patchline_kind {
    PATCHLINE_OTHER, /* anything else, or nonsense */
    PATCHLINE_HELLO,
    PATCHLINE_READY,
    PATCHLINE_OUTPUT,
    PATCHLINE_RAN,
};

struct patchline_message {
    enum patchline_kind kind;
    bool scripts;                      /* HELLO: it takes scripts */
    char status[PATCHLINE_STATUS_MAX]; /* RAN: a number, or a word of small letters */
    char bytes[PATCHLINE_MAX / 2];     /* OUTPUT: so many, of any value */
    size_t size;
};

struct patchline {
    char input[PATCHLINE_MAX];
    size_t used; /* new bytes go behind these, then it grows */
    bool skipping;
};

/* Takes the next message out; false when it needs more bytes, for which there is room then. */
bool patchline_next(struct patchline *line, struct patchline_message *ret_message);

/* One line of output as text that no terminal obeys, for g_free(). */
char *patchline_clean(const char *bytes, size_t size);

#endif
