/* SPDX-License-Identifier: Apache-2.0 */
/* vedette-pam: one PAM conversation over descriptor 3, and exit. Started by vedette-launch. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/pam/login.h"
#include "protocol/base/log.h"
#include "protocol/base/options.h"
#include "protocol/base/secret.h"

#define SOCKET_FD    3
#define CPU_SECONDS  10u
#define MEMORY_BYTES (256u * 1024u * 1024u)
#define ALARM_SECONDS                                                                              \
    40u /* for the case that nobody else ends us; vedette-launch does so earlier */

struct config {
    const char *service;
    const char *confdir;
};

static const struct vd_option options[] = {
    {"service", VD_OPTION_STRING, offsetof(struct config, service), "vedette", 0, 0, "NAME",
     "PAM service that the login goes through."},
    {"confdir", VD_OPTION_STRING, offsetof(struct config, confdir), "", 0, 0, "DIR",
     "Folder of PAM services in place of the system's."},
};

static const struct vd_program program = {
    .name = "vedette-pam",
    .summary = "Takes one person through PAM; speaks to the broker over descriptor 3.",
    .usage = "[OPTION...]",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
};

static void
limit_ourselves(void)
{
    const struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS};

    vd_secret_harden_process();
    (void)setrlimit(RLIMIT_CPU, &cpu);
#ifndef __SANITIZE_ADDRESS__ /* which reserves terabytes */
    {
        const struct rlimit memory = {MEMORY_BYTES, MEMORY_BYTES};

        (void)setrlimit(RLIMIT_AS, &memory);
    }
#endif
    (void)alarm(ALARM_SECONDS);
}

int
main(int argc, char **argv)
{
    struct config config;
    struct pam_conversation *conversation;
    struct pam_frame_start start;
    struct pam_frame_result result;
    int status = EXIT_FAILURE;

    vd_log_init("vedette-pam");
    if (vd_options_parse(&program, &config, argc, argv, false) < 0) {
        return 2;
    }
    limit_ourselves();
    conversation = pam_conversation_new(SOCKET_FD);
    if (conversation == NULL) {
        vd_error("pam", "out of memory");
        return EXIT_FAILURE;
    }
    if (pam_conversation_receive_start(conversation, &start) != 0) {
        vd_error("pam", "no START came over descriptor %d; vedette-launch starts this program",
                 SOCKET_FD);
    } else {
        pam_login(conversation, config.service, config.confdir, &start, &result);
        if (result.stage == PAM_STAGE_NONE) {
            vd_error("pam", "PAM service '%s' cannot be used: %s", config.service,
                     pam_strerror(NULL, result.code));
        }
        if (pam_conversation_send_result(conversation, &result) == 0) {
            status = EXIT_SUCCESS;
        }
    }
    pam_conversation_free(conversation);
    return status;
}
