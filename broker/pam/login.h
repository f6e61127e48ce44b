/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PAM_LOGIN_H
#define PAM_LOGIN_H

/*
 * login: one person through all of PAM's stages, in the order that PAM wants.
 *
 * authenticate, acct_mgmt, chauthtok when the password has expired, setcred, open_session, and the
 * session is closed again (docs/DECISIONS.md, "The PAM session"). Every code but success, at every
 * stage, is a refusal.
 */

#include "broker/pam/conversation.h"

/* confdir "" is the system's. Fills *ret_result; it says ok only when every stage did. */
void pam_login(struct pam_conversation *conversation, const char *service, const char *confdir,
               const struct pam_frame_start *start, struct pam_frame_result *ret_result);

#endif
