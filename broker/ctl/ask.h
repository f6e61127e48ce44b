/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_ASK_H
#define CTL_ASK_H

/* ask: one request to the broker on the main loop, with a time limit. */

#include <jansson.h>

struct ctl_ask;

/* reply is borrowed, or NULL when there was none; text says why. May free the ask. */
typedef void (*ctl_ask_fn)(json_t *reply, const char *text, void *user_data);

/* Sends request (reference stolen). answered is called once, never from inside this call. */
struct ctl_ask *ctl_ask_new(const char *socket_path, json_t *request, unsigned timeout_ms,
                            ctl_ask_fn answered, void *user_data);
void ctl_ask_free(struct ctl_ask *ask); /* accepts NULL; answered is not called any more */

#endif
