/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pam_script: a PAM module for tests that does what a file says, file=PATH in the service.
 *
 *   user NAME password PASSWORD [STAGE=CODE | STAGE:sleep=SECONDS | STAGE:crash | rename=NAME]...
 *   ask  NAME STAGE secret|echo ANSWER TEXT...     one more prompt; a wrong answer is AUTH_ERR
 *   tell NAME STAGE info|error TEXT...             a message
 *
 * STAGE is auth, acct, chauthtok, setcred, open or close; CODE is a number or the end of a PAM_
 * name. All prompts and messages of a stage go out as one conversation. auth begins with "Password:
 * "; somebody who is not in the file is asked too and is USER_UNKNOWN. chauthtok asks for a new
 * password twice, refuses the old one, and on success writes it into the file and takes
 * acct=NEW_AUTHTOK_REQD away.
 */
#define PAM_SM_AUTH
#define PAM_SM_ACCOUNT
#define PAM_SM_SESSION
#define PAM_SM_PASSWORD

#include <security/pam_modules.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LINE    2048
#define MAX_WORDS   24
#define MAX_PROMPTS 16

struct user {
    char line[MAX_LINE]; /* holds what words point to */
    char *words[MAX_WORDS];
    int count;
};

struct talk {
    struct pam_message messages[MAX_PROMPTS];
    char texts[MAX_PROMPTS][MAX_LINE];
    char wanted[MAX_PROMPTS][MAX_LINE];
    int count;
};

static const struct {
    const char *name;
    int code;
} codes[] = {
    {"SUCCESS", PAM_SUCCESS},
    {"OPEN_ERR", PAM_OPEN_ERR},
    {"SYMBOL_ERR", PAM_SYMBOL_ERR},
    {"SERVICE_ERR", PAM_SERVICE_ERR},
    {"SYSTEM_ERR", PAM_SYSTEM_ERR},
    {"BUF_ERR", PAM_BUF_ERR},
    {"PERM_DENIED", PAM_PERM_DENIED},
    {"AUTH_ERR", PAM_AUTH_ERR},
    {"CRED_INSUFFICIENT", PAM_CRED_INSUFFICIENT},
    {"AUTHINFO_UNAVAIL", PAM_AUTHINFO_UNAVAIL},
    {"USER_UNKNOWN", PAM_USER_UNKNOWN},
    {"MAXTRIES", PAM_MAXTRIES},
    {"NEW_AUTHTOK_REQD", PAM_NEW_AUTHTOK_REQD},
    {"ACCT_EXPIRED", PAM_ACCT_EXPIRED},
    {"SESSION_ERR", PAM_SESSION_ERR},
    {"CRED_UNAVAIL", PAM_CRED_UNAVAIL},
    {"CRED_EXPIRED", PAM_CRED_EXPIRED},
    {"CRED_ERR", PAM_CRED_ERR},
    {"CONV_ERR", PAM_CONV_ERR},
    {"AUTHTOK_ERR", PAM_AUTHTOK_ERR},
    {"AUTHTOK_LOCK_BUSY", PAM_AUTHTOK_LOCK_BUSY},
    {"ABORT", PAM_ABORT},
    {"IGNORE", PAM_IGNORE},
};

static int
code_of(const char *text)
{
    size_t i;

    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(codes[i].name, text) == 0) {
            return codes[i].code;
        }
    }
    return (int)strtol(text, NULL, 10);
}

static const char *
script_path(int argc, const char **argv)
{
    int i;

    for (i = 0; i < argc; i++) {
        if (strncmp(argv[i], "file=", 5) == 0) {
            return argv[i] + 5;
        }
    }
    return NULL;
}

/* Cuts line into at most max words; the last one keeps its blanks. */
static int
split(char *line, char **words, int max)
{
    int count = 0;

    line[strcspn(line, "\n")] = '\0';
    while (*line != '\0' && count < max) {
        line += strspn(line, " ");
        if (*line == '\0') {
            break;
        }
        words[count++] = line;
        if (count == max) {
            break;
        }
        line += strcspn(line, " ");
        if (*line == ' ') {
            *line++ = '\0';
        }
    }
    return count;
}

static int
find_user(FILE *file, const char *name, struct user *user)
{
    rewind(file);
    while (fgets(user->line, sizeof(user->line), file) != NULL) {
        user->count = split(user->line, user->words, MAX_WORDS);
        if (user->count >= 4 && strcmp(user->words[0], "user") == 0 &&
            strcmp(user->words[1], name) == 0) {
            return 1;
        }
    }
    user->count = 0;
    return 0;
}

static void
add(struct talk *talk, int style, const char *text, const char *wanted)
{
    if (talk->count < MAX_PROMPTS) {
        int at = talk->count++;

        (void)snprintf(talk->texts[at], MAX_LINE, "%s", text);
        (void)snprintf(talk->wanted[at], MAX_LINE, "%s", wanted);
        talk->messages[at].msg_style = style;
        talk->messages[at].msg = talk->texts[at];
    }
}

static void
add_lines(FILE *file, const char *name, const char *stage, struct talk *talk)
{
    char line[MAX_LINE];
    char *words[6];

    rewind(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        int is_ask = strncmp(line, "ask ", 4) == 0;
        int count = split(line, words, is_ask ? 6 : 5);

        if (count < 5 || strcmp(words[1], name) != 0 || strcmp(words[2], stage) != 0) {
            continue;
        }
        if (is_ask && count == 6) {
            add(talk, strcmp(words[3], "echo") == 0 ? PAM_PROMPT_ECHO_ON : PAM_PROMPT_ECHO_OFF,
                words[5], words[4]);
        } else if (strcmp(words[0], "tell") == 0) {
            add(talk, strcmp(words[3], "error") == 0 ? PAM_ERROR_MSG : PAM_TEXT_INFO, words[4], "");
        }
    }
}

/* Holds one conversation. Copies the first answer into ret_first when that is not NULL. */
static int
converse(pam_handle_t *handle, const struct talk *talk, char *ret_first)
{
    const struct pam_conv *conv = NULL;
    const struct pam_message *pointers[MAX_PROMPTS];
    struct pam_response *answers = NULL;
    int result = PAM_SUCCESS;
    int i;

    if (talk->count == 0) {
        return PAM_SUCCESS;
    }
    if (pam_get_item(handle, PAM_CONV, (const void **)&conv) != PAM_SUCCESS || conv == NULL) {
        return PAM_CONV_ERR;
    }
    for (i = 0; i < talk->count; i++) {
        pointers[i] = &talk->messages[i];
    }
    if (conv->conv(talk->count, pointers, &answers, conv->appdata_ptr) != PAM_SUCCESS ||
        answers == NULL) {
        return PAM_CONV_ERR;
    }
    for (i = 0; i < talk->count; i++) {
        int style = talk->messages[i].msg_style;
        const char *answer = answers[i].resp != NULL ? answers[i].resp : "";

        if (i == 0 && ret_first != NULL) {
            (void)snprintf(ret_first, MAX_LINE, "%s", answer);
        } else if ((style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON) &&
                   strcmp(answer, talk->wanted[i]) != 0 && strcmp(talk->wanted[i], "*") != 0) {
            result = PAM_AUTH_ERR;
        }
    }
    for (i = 0; i < talk->count; i++) {
        free(answers[i].resp);
    }
    free(answers);
    return result;
}

/* What the user's line says about a stage: waits, crashes, or a code. */
static int
outcome(pam_handle_t *handle, const struct user *user, const char *stage)
{
    size_t size = strlen(stage);
    int result = PAM_SUCCESS;
    int i;

    for (i = 4; i < user->count; i++) {
        const char *word = user->words[i];

        if (strncmp(word, "rename=", 7) == 0 && strcmp(stage, "auth") == 0) {
            (void)pam_set_item(handle, PAM_USER, word + 7);
        }
        if (strncmp(word, stage, size) != 0) {
            continue;
        }
        if (strcmp(word + size, ":crash") == 0) {
            abort();
        } else if (strncmp(word + size, ":sleep=", 7) == 0) {
            unsigned left = (unsigned)strtoul(word + size + 7, NULL, 10);

            while (left > 0) {
                left = sleep(left);
            }
        } else if (word[size] == '=') {
            result = code_of(word + size + 1);
        }
    }
    return result;
}

static const char *
name_of(pam_handle_t *handle)
{
    const char *name = NULL;

    return pam_get_user(handle, &name, NULL) == PAM_SUCCESS && name != NULL ? name : "";
}

/* A stage without a password: messages, extra prompts, then the outcome. */
static int
plain_stage(pam_handle_t *handle, int argc, const char **argv, const char *stage)
{
    static struct talk talk;
    static struct user user;
    const char *path = script_path(argc, argv);
    const char *name = name_of(handle);
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    int result;

    talk.count = 0;
    if (file == NULL) {
        return PAM_SERVICE_ERR;
    }
    if (!find_user(file, name, &user)) {
        (void)fclose(file);
        return PAM_USER_UNKNOWN;
    }
    add_lines(file, name, stage, &talk);
    (void)fclose(file);
    result = converse(handle, &talk, NULL);
    return result != PAM_SUCCESS ? result : outcome(handle, &user, stage);
}

int
pam_sm_authenticate(pam_handle_t *handle, int flags, int argc, const char **argv)
{
    static struct talk talk;
    static struct user user;
    static char password[MAX_LINE];
    const char *path = script_path(argc, argv);
    const char *name = name_of(handle);
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    int known;
    int result;

    (void)flags;
    talk.count = 0;
    if (file == NULL) {
        return PAM_SERVICE_ERR;
    }
    known = find_user(file, name, &user);
    add(&talk, PAM_PROMPT_ECHO_OFF, "Password: ", "");
    add_lines(file, name, "auth", &talk);
    (void)fclose(file);
    result = converse(handle, &talk, password);
    if (result == PAM_SUCCESS && !known) {
        result = PAM_USER_UNKNOWN;
    } else if (result == PAM_SUCCESS && strcmp(password, user.words[3]) != 0) {
        result = PAM_AUTH_ERR;
    }
    explicit_bzero(password, sizeof(password));
    return result != PAM_SUCCESS ? result : outcome(handle, &user, "auth");
}

/* Writes the file anew with name's password changed and no longer expired. */
static int
change_password(const char *path, const char *name, const char *password)
{
    static struct user user;
    char fresh[MAX_LINE];
    FILE *in = fopen(path, "re");
    FILE *out = NULL;
    int i;

    if (in == NULL || snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh)) {
        return PAM_AUTHTOK_ERR;
    }
    out = fopen(fresh, "we");
    while (out != NULL && fgets(user.line, sizeof(user.line), in) != NULL) {
        char copy[MAX_LINE];

        (void)snprintf(copy, sizeof(copy), "%s", user.line);
        user.count = split(user.line, user.words, MAX_WORDS);
        if (user.count < 4 || strcmp(user.words[0], "user") != 0 ||
            strcmp(user.words[1], name) != 0) {
            (void)fputs(copy, out);
            continue;
        }
        (void)fprintf(out, "user %s password %s", name, password);
        for (i = 4; i < user.count; i++) {
            if (strcmp(user.words[i], "acct=NEW_AUTHTOK_REQD") != 0) {
                (void)fprintf(out, " %s", user.words[i]);
            }
        }
        (void)fputc('\n', out);
    }
    (void)fclose(in);
    if (out == NULL || fchmod(fileno(out), 0600) < 0 || fclose(out) != 0 ||
        rename(fresh, path) < 0) {
        return PAM_AUTHTOK_ERR;
    }
    return PAM_SUCCESS;
}

int
pam_sm_chauthtok(pam_handle_t *handle, int flags, int argc, const char **argv)
{
    static struct talk first;
    static struct talk second;
    static struct user user;
    static char fresh[MAX_LINE];
    const char *path = script_path(argc, argv);
    const char *name = name_of(handle);
    FILE *file;
    int result;

    if ((flags & PAM_PRELIM_CHECK) != 0) {
        return PAM_SUCCESS;
    }
    file = path != NULL ? fopen(path, "re") : NULL;
    if (file == NULL) {
        return PAM_SERVICE_ERR;
    }
    first.count = 0;
    second.count = 0;
    result = find_user(file, name, &user) ? PAM_SUCCESS : PAM_USER_UNKNOWN;
    if (result == PAM_SUCCESS) {
        add(&first, PAM_PROMPT_ECHO_OFF, "New password: ", "");
        add_lines(file, name, "chauthtok", &first);
    }
    (void)fclose(file);
    if (result == PAM_SUCCESS) {
        result = converse(handle, &first, fresh);
    }
    if (result == PAM_SUCCESS) {
        add(&second, PAM_PROMPT_ECHO_OFF, "Retype new password: ", fresh);
        add(&second, PAM_TEXT_INFO, "The password is being changed.", "");
        result = converse(handle, &second, NULL);
    }
    if (result == PAM_SUCCESS &&
        (fresh[0] == '\0' || strchr(fresh, ' ') != NULL || strcmp(fresh, user.words[3]) == 0)) {
        result = PAM_AUTHTOK_ERR;
    }
    if (result == PAM_SUCCESS) {
        result = outcome(handle, &user, "chauthtok");
    }
    if (result == PAM_SUCCESS) {
        result = change_password(path, name, fresh);
    }
    explicit_bzero(fresh, sizeof(fresh));
    explicit_bzero(second.wanted, sizeof(second.wanted));
    return result;
}

int
pam_sm_acct_mgmt(pam_handle_t *handle, int flags, int argc, const char **argv)
{
    (void)flags;
    return plain_stage(handle, argc, argv, "acct");
}

int
pam_sm_setcred(pam_handle_t *handle, int flags, int argc, const char **argv)
{
    (void)flags;
    return plain_stage(handle, argc, argv, "setcred");
}

int
pam_sm_open_session(pam_handle_t *handle, int flags, int argc, const char **argv)
{
    (void)flags;
    return plain_stage(handle, argc, argv, "open");
}

int
pam_sm_close_session(pam_handle_t *handle, int flags, int argc, const char **argv)
{
    (void)flags;
    return plain_stage(handle, argc, argv, "close");
}
