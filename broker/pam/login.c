/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/pam/login.h"

#include <string.h>

/* The broker pads the time of a refusal by a timer; a helper that sleeps would only hold its place.
 */
static void
no_delay(int code, unsigned delay_us, void *user_data)
{
    (void)code;
    (void)delay_us;
    (void)user_data;
}

static int
set_items(pam_handle_t *handle, const struct pam_frame_start *start)
{
    void (*delay)(int, unsigned, void *) = no_delay;
    const void *delay_item = NULL;
    int code = pam_set_item(handle, PAM_TTY, "vedette");

    memcpy(&delay_item, &delay, sizeof(delay_item)); /* a function pointer in PAM's void pointer */
    if (code == PAM_SUCCESS && start->source[0] != '\0') {
        code = pam_set_item(handle, PAM_RHOST, start->source);
    }
    if (code == PAM_SUCCESS) {
        code = pam_set_item(handle, PAM_FAIL_DELAY, delay_item);
    }
    return code;
}

/* The session exists so that modules may refuse it; see docs/DECISIONS.md. */
static int
try_session(pam_handle_t *handle)
{
    int code = pam_open_session(handle, 0);

    return code == PAM_SUCCESS ? pam_close_session(handle, 0) : code;
}

/* Returns PAM's first code that is no success; *ret_stage is where that was. */
static int
run_stages(pam_handle_t *handle, enum pam_stage *ret_stage)
{
    int code;
    int deleted;

    *ret_stage = PAM_STAGE_AUTHENTICATE;
    code = pam_authenticate(handle, 0);
    if (code != PAM_SUCCESS) {
        return code;
    }
    *ret_stage = PAM_STAGE_ACCOUNT;
    code = pam_acct_mgmt(handle, 0);
    if (code == PAM_NEW_AUTHTOK_REQD) {
        *ret_stage = PAM_STAGE_CHANGE;
        code = pam_chauthtok(handle, PAM_CHANGE_EXPIRED_AUTHTOK);
    }
    if (code != PAM_SUCCESS) {
        return code;
    }
    *ret_stage = PAM_STAGE_CREDENTIALS;
    code = pam_setcred(handle, PAM_ESTABLISH_CRED);
    if (code != PAM_SUCCESS) {
        return code;
    }
    *ret_stage = PAM_STAGE_SESSION;
    code = try_session(handle);
    deleted = pam_setcred(handle, PAM_DELETE_CRED); /* also when there was no session */
    if (code == PAM_SUCCESS && deleted != PAM_SUCCESS) {
        *ret_stage = PAM_STAGE_CREDENTIALS;
        code = deleted;
    }
    return code;
}

/* Modules may rename a user; what they say afterwards is what counts. */
static int
read_user(pam_handle_t *handle, char ret_user[PAM_MAX_NAME + 1])
{
    const void *user = NULL;
    size_t size;

    if (pam_get_item(handle, PAM_USER, &user) != PAM_SUCCESS || user == NULL) {
        return PAM_SYSTEM_ERR;
    }
    size = strlen(user);
    if (size == 0 || size > PAM_MAX_NAME) {
        return PAM_USER_UNKNOWN;
    }
    memcpy(ret_user, user, size + 1);
    return PAM_SUCCESS;
}

void
pam_login(struct pam_conversation *conversation, const char *service, const char *confdir,
          const struct pam_frame_start *start, struct pam_frame_result *ret_result)
{
    struct pam_conv functions = pam_conversation_functions(conversation);
    enum pam_stage stage = PAM_STAGE_NONE;
    pam_handle_t *handle = NULL;
    int code;

    memset(ret_result, 0, sizeof(*ret_result));
    code = pam_start_confdir(service, start->user, &functions, confdir[0] != '\0' ? confdir : NULL,
                             &handle);
    if (code == PAM_SUCCESS) {
        code = set_items(handle, start);
    }
    if (code == PAM_SUCCESS) {
        code = run_stages(handle, &stage);
    }
    if (code == PAM_SUCCESS) {
        code = read_user(handle, ret_result->user);
    }
    if (handle != NULL) {
        (void)pam_end(handle, code); /* only tells modules to clean up */
    }
    ret_result->ok = code == PAM_SUCCESS;
    ret_result->stage = ret_result->ok ? PAM_STAGE_DONE : (uint8_t)stage;
    ret_result->code = (uint16_t)code;
}
