/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_FIGURES_H
#define HOSTD_FIGURES_H

/* figures: how a stream does, for administrators, out of what its streamer says. */

#include <jansson.h>
#include <stdint.h>

/* Zero-initialised is empty. */
struct hostd_figures {
    json_t *json;             /* owned, or NULL: the newest */
    json_int_t frames, bytes; /* that they were made from, */
    int64_t at_us;            /* and when; 0: never */
};

/* Takes a status message of a streamer. Rates are over what happened since the last one. */
void hostd_figures_take(struct hostd_figures *figures, const json_t *message);
/* The next message begins anew: it is another streamer's. Keeps the newest figures. */
void hostd_figures_restart(struct hostd_figures *figures);
void hostd_figures_clear(struct hostd_figures *figures);

#endif
