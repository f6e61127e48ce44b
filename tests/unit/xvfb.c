/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/xvfb.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t
xvfb_start(const char *screen, char ret_display[XVFB_NAME])
{
    int ends[2];
    char number[8] = {0};
    char text[8];
    ssize_t size = 0;
    pid_t server;

    if (pipe(ends) < 0) {
        return -1;
    }
    snprintf(text, sizeof(text), "%d", ends[1]);
    server = fork();
    if (server == 0) {
        close(ends[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when a test fails */
        if (freopen("/dev/null", "w", stderr) != NULL) {
            execlp("Xvfb", "Xvfb", "-displayfd", text, "-screen", "0", screen, "-nolisten", "tcp",
                   "-noreset", (char *)NULL);
        }
        _exit(127);
    }
    close(ends[1]);
    while (size < (ssize_t)sizeof(number) - 1 && memchr(number, '\n', (size_t)size) == NULL) {
        ssize_t got = read(ends[0], number + size, sizeof(number) - 1 - (size_t)size);

        if (got <= 0) {
            break;
        }
        size += got;
    }
    close(ends[0]);
    number[strcspn(number, "\n")] = '\0';
    snprintf(ret_display, XVFB_NAME, ":%s", number);
    if (size <= 0 && server > 0) {
        waitpid(server, NULL, 0);
        server = -1;
    }
    return server;
}
