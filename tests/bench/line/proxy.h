/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_PROXY_H
#define BENCH_PROXY_H

/*
 * proxy: TCP connections that go over a modelled line (line.h). Its fields are set before run() by
 * the program; the rest begins as zero.
 */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "tests/bench/line/line.h"
#include "tests/bench/line/script.h"

#define BENCH_MAX_CONNS 64u

enum { BENCH_UP, BENCH_DOWN };

struct bench_side {
    int fd;
    bool eof; /* nothing more comes from it */
    bool shut;
    struct bench_line *out; /* on its way to it */
};

struct bench_conn {
    bool used;
    bool connecting;
    struct bench_side
        side[2]; /* BENCH_UP: the server, where upward bytes go; BENCH_DOWN: the client */
};

struct bench_proxy {
    int listen_fd;
    struct sockaddr_storage target;
    socklen_t target_size;
    struct bench_trunk *trunk[2];
    struct bench_conn conns[BENCH_MAX_CONNS];
    unsigned accepted, dropped;
    struct bench_script script;
    size_t script_at;
    int64_t script_start_us;
    int64_t started_us;
    char control[256];
    size_t control_size;
    bool has_control;
    bool quit;
};

/* Until SIGTERM, SIGINT or quit; both signals are to be blocked by the caller. */
void bench_proxy_run(struct bench_proxy *proxy);
void bench_proxy_command(struct bench_proxy *proxy, const struct bench_command *command,
                         int64_t now_us);
void bench_proxy_print(const struct bench_proxy *proxy); /* the counts, one line of JSON */
int64_t bench_now_us(void);
extern volatile sig_atomic_t bench_stop;

#endif
