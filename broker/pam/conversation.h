/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PAM_CONVERSATION_H
#define PAM_CONVERSATION_H

/*
 * conversation: PAM's questions to the person at the other end, and the answers back.
 *
 * Blocking. Once the broker is gone or broke the protocol every further question fails at once.
 */

#include <security/pam_appl.h>
#include <stdbool.h>

#include "broker/pam/frames.h"

struct pam_conversation;

/* fd is borrowed. NULL when memory is short. */
struct pam_conversation *pam_conversation_new(int fd);
void pam_conversation_free(struct pam_conversation *conversation); /* wipes; accepts NULL */

/* Waits for START. Returns 0, or a negative errno or VDP_ERR_ code. */
int pam_conversation_receive_start(struct pam_conversation *conversation,
                                   struct pam_frame_start *ret_start);
/* Tells the result, as the last thing. */
int pam_conversation_send_result(struct pam_conversation *conversation,
                                 const struct pam_frame_result *result);

/* For pam_start(): valid as long as the conversation. */
struct pam_conv pam_conversation_functions(struct pam_conversation *conversation);

#endif
