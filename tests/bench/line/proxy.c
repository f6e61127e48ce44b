/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/line/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES   65536u
#define SMALL_BUFFER 32768 /* of a socket, so that the model's FIFO is the only long one */

volatile sig_atomic_t bench_stop;

int64_t
bench_now_us(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
print_direction(const char *name, const struct bench_trunk *trunk)
{
    const struct bench_line_counts *counts = bench_trunk_counts(trunk);

    printf(",\"%s\":{\"bytes\":%llu,\"packets\":%llu,\"lost\":%llu,\"queue_max\":%zu,"
           "\"wait_mean_ms\":%.3f,\"wait_max_ms\":%.3f}",
           name, (unsigned long long)counts->bytes, (unsigned long long)counts->packets,
           (unsigned long long)counts->lost, counts->queue_max,
           counts->packets > 0 ? (double)counts->wait_sum_us / (double)counts->packets / 1000.0
                               : 0.0,
           (double)counts->wait_max_us / 1000.0);
}

void
bench_proxy_print(const struct bench_proxy *proxy)
{
    unsigned open = 0;
    unsigned i;

    for (i = 0; i < BENCH_MAX_CONNS; i++) {
        open += proxy->conns[i].used;
    }
    printf("{\"seconds\":%.3f,\"accepted\":%u,\"open\":%u,\"dropped\":%u",
           (double)(bench_now_us() - proxy->started_us) / 1e6, proxy->accepted, open,
           proxy->dropped);
    print_direction("up", proxy->trunk[BENCH_UP]);
    print_direction("down", proxy->trunk[BENCH_DOWN]);
    printf("}\n");
    (void)fflush(stdout);
}

static void
conn_close(struct bench_conn *conn, bool reset)
{
    struct linger linger = {1, 0};
    unsigned i;

    for (i = 0; i < 2; i++) {
        if (reset) {
            (void)setsockopt(conn->side[i].fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        }
        (void)close(conn->side[i].fd);
        bench_line_free(conn->side[i].out);
    }
    memset(conn, 0, sizeof(*conn));
}

static void
set_socket(struct bench_proxy *proxy, int fd)
{
    bool limited = bench_trunk_settings(proxy->trunk[BENCH_UP])->rate > 0 ||
                   bench_trunk_settings(proxy->trunk[BENCH_DOWN])->rate > 0;
    int small = SMALL_BUFFER;
    int on = 1;

    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (limited) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    }
}

static void
conn_accept(struct bench_proxy *proxy)
{
    struct bench_conn *conn = NULL;
    int client = accept(proxy->listen_fd, NULL, NULL);
    int server;
    unsigned i;

    if (client < 0) {
        return;
    }
    for (i = 0; i < BENCH_MAX_CONNS && conn == NULL; i++) {
        conn = proxy->conns[i].used ? NULL : &proxy->conns[i];
    }
    server = socket(proxy->target.ss_family, SOCK_STREAM, 0);
    if (conn == NULL || server < 0) {
        (void)close(client);
        (void)close(server);
        return;
    }
    set_socket(proxy, client);
    set_socket(proxy, server);
    conn->used = true;
    conn->side[BENCH_UP].fd = server;
    conn->side[BENCH_DOWN].fd = client;
    conn->side[BENCH_UP].out = bench_line_new(proxy->trunk[BENCH_UP]);
    conn->side[BENCH_DOWN].out = bench_line_new(proxy->trunk[BENCH_DOWN]);
    proxy->accepted++;
    if (conn->side[BENCH_UP].out == NULL || conn->side[BENCH_DOWN].out == NULL ||
        (connect(server, (struct sockaddr *)&proxy->target, proxy->target_size) < 0 &&
         errno != EINPROGRESS)) {
        conn_close(conn, true);
        return;
    }
    conn->connecting = true;
}

/* Reads from one side what its line has room for. False when the connection is broken. */
static bool
side_read(struct bench_conn *conn, unsigned to, int64_t now_us)
{
    static uint8_t bytes[READ_BYTES];
    struct bench_side *from = &conn->side[!to];
    struct bench_line *line = conn->side[to].out;
    size_t room = bench_line_room(line, now_us);
    ssize_t n;

    if (room == 0 || from->eof) {
        return true;
    }
    n = read(from->fd, bytes, room < sizeof(bytes) ? room : sizeof(bytes));
    if (n > 0) {
        return bench_line_put(line, bytes, (size_t)n, now_us);
    }
    if (n == 0) {
        from->eof = true;
        return true;
    }
    return errno == EAGAIN || errno == EINTR;
}

/* Writes to one side what has arrived for it. False when the connection is broken. */
static bool
side_write(struct bench_conn *conn, unsigned to, int64_t now_us)
{
    struct bench_side *side = &conn->side[to];
    size_t size;
    const uint8_t *bytes;

    while ((bytes = bench_line_peek(side->out, &size, now_us)) != NULL) {
        ssize_t n = send(side->fd, bytes, size, MSG_NOSIGNAL);

        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        bench_line_take(side->out, (size_t)n);
    }
    if (conn->side[!to].eof && !side->shut && bench_line_left(side->out) == 0) {
        side->shut = true;
        (void)shutdown(side->fd, SHUT_WR);
    }
    return true;
}

static bool
has_arrived(struct bench_line *line, int64_t now_us)
{
    size_t size;

    return bench_line_peek(line, &size, now_us) != NULL;
}

static short
side_events(struct bench_conn *conn, unsigned index, int64_t now_us)
{
    short events = 0;

    if (index == BENCH_UP && conn->connecting) {
        return POLLOUT;
    }
    if (!conn->side[index].eof && bench_line_room(conn->side[!index].out, now_us) > 0) {
        events |= POLLIN;
    }
    if (has_arrived(conn->side[index].out, now_us)) {
        events |= POLLOUT;
    }
    return events;
}

static void
conn_step(struct bench_conn *conn, const struct pollfd *polled, int64_t now_us)
{
    bool sound = true;
    unsigned i;

    if (conn->connecting) {
        int error = 0;
        socklen_t size = sizeof(error);

        if (polled[BENCH_UP].revents == 0) {
            return;
        }
        (void)getsockopt(conn->side[BENCH_UP].fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) {
            conn_close(conn, true);
            return;
        }
        conn->connecting = false;
    }
    for (i = 0; i < 2 && sound; i++) {
        if ((polled[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
            sound = side_read(conn, !i, now_us);
        }
        sound = sound && side_write(conn, i, now_us);
    }
    if (!sound || (conn->side[BENCH_UP].shut && conn->side[BENCH_DOWN].shut)) {
        conn_close(conn, !sound);
    }
}

static void
set_direction(struct bench_trunk *trunk, const struct bench_command *command, int64_t now_us)
{
    struct bench_line_settings settings = *bench_trunk_settings(trunk);

    switch (command->verb) {
    case BENCH_RATE:
        settings.rate = (uint64_t)(command->value / 8.0);
        break;
    case BENCH_DELAY:
        settings.delay_us = (int64_t)(command->value * 1000.0);
        break;
    case BENCH_QUEUE:
        settings.queue = (size_t)command->value;
        break;
    case BENCH_LOSS:
        settings.loss = (uint32_t)(command->value * 10000.0);
        break;
    default:
        bench_trunk_stall(trunk, now_us + (int64_t)(command->value * 1e6));
        return;
    }
    bench_trunk_set(trunk, &settings);
}

void
bench_proxy_command(struct bench_proxy *proxy, const struct bench_command *command, int64_t now_us)
{
    unsigned i;

    switch (command->verb) {
    case BENCH_DROP:
        for (i = 0; i < BENCH_MAX_CONNS; i++) {
            if (proxy->conns[i].used) {
                conn_close(&proxy->conns[i], true);
                proxy->dropped++;
            }
        }
        break;
    case BENCH_STATS:
        bench_proxy_print(proxy);
        break;
    case BENCH_QUIT:
        proxy->quit = true;
        break;
    case BENCH_REPEAT:
        proxy->script_start_us = now_us;
        proxy->script_at = 0;
        break;
    default:
        if (command->up) {
            set_direction(proxy->trunk[BENCH_UP], command, now_us);
        }
        if (command->down) {
            set_direction(proxy->trunk[BENCH_DOWN], command, now_us);
        }
    }
}

/* Runs what is due; when the next command is. */
static int64_t
run_script(struct bench_proxy *proxy, int64_t now_us)
{
    while (proxy->script_at < proxy->script.count) {
        const struct bench_command *command = &proxy->script.commands[proxy->script_at];

        if (proxy->script_start_us + command->at_us > now_us) {
            return proxy->script_start_us + command->at_us;
        }
        proxy->script_at++;
        bench_proxy_command(proxy, command, now_us);
    }
    return BENCH_LINE_NEVER;
}

/* Commands on standard input; its end is a command to end. */
static void
read_control(struct bench_proxy *proxy, int64_t now_us)
{
    struct bench_command command;
    char *end;
    ssize_t n = read(STDIN_FILENO, proxy->control + proxy->control_size,
                     sizeof(proxy->control) - 1 - proxy->control_size);

    if (n <= 0) {
        proxy->quit = true;
        return;
    }
    proxy->control_size += (size_t)n;
    proxy->control[proxy->control_size] = '\0';
    while ((end = strchr(proxy->control, '\n')) != NULL) {
        *end++ = '\0';
        if (bench_command_parse(proxy->control, &command) && command.verb != BENCH_REPEAT) {
            bench_proxy_command(proxy, &command, now_us);
        } else {
            (void)fprintf(stderr, "line-proxy: not a command: %s\n", proxy->control);
        }
        proxy->control_size -= (size_t)(end - proxy->control);
        memmove(proxy->control, end, proxy->control_size + 1);
    }
    if (proxy->control_size == sizeof(proxy->control) - 1) {
        proxy->quit = true; /* a line without an end */
    }
}

static int64_t
earliest(struct bench_proxy *proxy, int64_t until_us, int64_t now_us)
{
    unsigned i;
    unsigned j;

    for (i = 0; i < BENCH_MAX_CONNS; i++) {
        for (j = 0; proxy->conns[i].used && j < 2; j++) {
            struct bench_line *line = proxy->conns[i].side[j].out;
            /* What has arrived already waits for POLLOUT, not for the clock. */
            int64_t next_us =
                has_arrived(line, now_us) ? BENCH_LINE_NEVER : bench_line_next(line, now_us);

            until_us = next_us < until_us ? next_us : until_us;
        }
    }
    return until_us;
}

static void
wait_for(struct pollfd *polled, nfds_t count, int64_t until_us)
{
    struct timespec timeout = {0};
    sigset_t none;
    int64_t wait_us = until_us - bench_now_us();

    if (wait_us > 0) {
        timeout.tv_sec = (time_t)(wait_us / 1000000);
        timeout.tv_nsec = (long)(wait_us % 1000000) * 1000;
    }
    (void)sigemptyset(&none);
    /* After an error, which is a signal, no revents are set. */
    (void)ppoll(polled, count, until_us == BENCH_LINE_NEVER ? NULL : &timeout, &none);
}

void
bench_proxy_run(struct bench_proxy *proxy)
{
    struct pollfd polled[2 + 2 * BENCH_MAX_CONNS];
    unsigned i;

    while (!bench_stop && !proxy->quit) {
        int64_t now_us = bench_now_us();
        int64_t until_us = run_script(proxy, now_us);

        polled[0] = (struct pollfd){.fd = proxy->listen_fd, .events = POLLIN};
        polled[1] = (struct pollfd){.fd = proxy->has_control ? STDIN_FILENO : -1, .events = POLLIN};
        for (i = 0; i < BENCH_MAX_CONNS; i++) {
            struct bench_conn *conn = &proxy->conns[i];
            unsigned j;

            for (j = 0; j < 2; j++) {
                short events = conn->used ? side_events(conn, j, now_us) : 0;

                /* poll() reports hang-ups without being asked; not before it is their turn. */
                polled[2 + 2 * i + j] =
                    (struct pollfd){.fd = events != 0 ? conn->side[j].fd : -1, .events = events};
            }
        }
        wait_for(polled, 2 + 2 * BENCH_MAX_CONNS, earliest(proxy, until_us, now_us));
        now_us = bench_now_us();
        for (i = 0; i < BENCH_MAX_CONNS; i++) {
            if (proxy->conns[i].used) {
                conn_step(&proxy->conns[i], &polled[2 + 2 * i], now_us);
            }
        }
        if ((polled[1].revents) != 0) {
            read_control(proxy, now_us);
        }
        if (polled[0].revents != 0) {
            conn_accept(proxy);
        }
    }
    for (i = 0; i < BENCH_MAX_CONNS; i++) {
        if (proxy->conns[i].used) {
            conn_close(&proxy->conns[i], true);
        }
    }
}
