/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_INPUT_H
#define CLIENT_INPUT_H

/*
 * input: events of a picture into input of its session: physical keys, pointer, buttons, wheel.
 *
 * Every key and button that is down is known, so that a lost focus leaves none behind.
 */

#include "client/native/picture.h"

struct client_input;

/* full_screen is called for F11. All arguments are borrowed; free it before the picture. */
struct client_input *client_input_new(ClientPicture *picture, struct client_session *session,
                                      void (*full_screen)(void *user_data), void *user_data);
void client_input_free(struct client_input *input);
/* Nothing is held any more, here and there. */
void client_input_release(struct client_input *input);
void client_input_ctrl_alt_del(struct client_input *input);
/* The stream's cursor onto the picture. */
void client_input_cursor(struct client_input *input);

#endif
