/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_FILM_H
#define CLIENT_FILM_H

/*
 * film: the regions of a picture that go through a video codec. Belongs to the thread that decodes.
 * A region whose codec fails keeps what it showed until a key frame of it comes.
 */

#include <stdbool.h>

#include "protocol/codec/codec.h"

struct client_films;

/* Has decoder, which is borrowed and outlives this, show films. Never NULL. */
struct client_films *client_films_new(struct vdp_decoder *decoder);
void client_films_free(struct client_films *films); /* accepts NULL */
/* A new surface: every region is gone. */
void client_films_reset(struct client_films *films);
/* Whether a region failed since this was asked last: time for a REFRESH. */
bool client_films_failed(struct client_films *films);
/*
 * Loads what the first film needs, on a thread of its own: done when it comes, it would stop the
 * picture for a quarter of a second.
 */
void client_films_warm(void);
/* Codecs that HELLO names: bits of enum vdp_capability. */
uint64_t client_films_capabilities(void);

#endif
