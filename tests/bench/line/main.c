/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line-proxy: a TCP proxy that behaves like a network line. See tests/bench/README.md.
 */
#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/line/proxy.h"

#define SEED 20240u

static void
on_signal(int number)
{
    (void)number;
    bench_stop = 1;
}

/* HOST:PORT to an address. */
static bool
resolve(const char *text, bool passive, struct sockaddr_storage *ret_address, socklen_t *ret_size)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0};
    struct addrinfo *found = NULL;
    char host[256];
    const char *port = strrchr(text, ':');

    if (port == NULL || (size_t)(port - text) >= sizeof(host)) {
        return false;
    }
    memcpy(host, text, (size_t)(port - text));
    host[port - text] = '\0';
    if (getaddrinfo(host, port + 1, &hints, &found) != 0) {
        return false;
    }
    memcpy(ret_address, found->ai_addr, found->ai_addrlen);
    *ret_size = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

/* Listens and says where. */
static int
open_listener(const char *text)
{
    struct sockaddr_storage address;
    socklen_t size;
    char port[NI_MAXSERV] = "";
    int on = 1;
    int fd;

    if (!resolve(text, true, &address, &size)) {
        return -1;
    }
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 64) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0 ||
        getnameinfo((struct sockaddr *)&address, size, NULL, 0, port, sizeof(port),
                    NI_NUMERICSERV) != 0) {
        (void)close(fd);
        return -1;
    }
    printf("{\"port\":%s}\n", port);
    (void)fflush(stdout);
    return fd;
}

static const char usage[] =
    "usage: line-proxy --listen HOST:PORT --connect HOST:PORT [OPTION...]\n"
    "  --rate BITS       per second, each way; --rate-up, --rate-down (k, M, G; 0: no limit)\n"
    "  --delay MS        one way, each way; --delay-up, --delay-down\n"
    "  --queue BYTES     of the FIFO, each way; --queue-up, --queue-down (default 128k)\n"
    "  --loss PERCENT    each way; --loss-up, --loss-down\n"
    "  --script FILE     what happens when, see tests/bench/README.md\n"
    "  --control         take commands from standard input\n"
    "up is from the one who connects here to the target.\n";

enum { OPT_LISTEN = 256, OPT_CONNECT, OPT_SCRIPT, OPT_CONTROL, OPT_HELP };

static const struct option options[] = {
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"connect", required_argument, NULL, OPT_CONNECT},
    {"script", required_argument, NULL, OPT_SCRIPT},
    {"control", no_argument, NULL, OPT_CONTROL},
    {"help", no_argument, NULL, OPT_HELP},
    {"rate", required_argument, NULL, 'r'},
    {"rate-up", required_argument, NULL, 'r'},
    {"rate-down", required_argument, NULL, 'r'},
    {"delay", required_argument, NULL, 'd'},
    {"delay-up", required_argument, NULL, 'd'},
    {"delay-down", required_argument, NULL, 'd'},
    {"queue", required_argument, NULL, 'q'},
    {"queue-up", required_argument, NULL, 'q'},
    {"queue-down", required_argument, NULL, 'q'},
    {"loss", required_argument, NULL, 'l'},
    {"loss-up", required_argument, NULL, 'l'},
    {"loss-down", required_argument, NULL, 'l'},
    {0},
};

/* An option like --rate-up is the command "rate up". */
static bool
set_option(struct bench_proxy *proxy, const char *name, const char *value)
{
    struct bench_command command;
    const char *dash = strchr(name, '-');
    char text[128];
    int n = snprintf(text, sizeof(text), "%.*s %s %s",
                     (int)(dash != NULL ? (size_t)(dash - name) : strlen(name)), name,
                     dash != NULL ? dash + 1 : "both", value);

    if (n < 0 || (size_t)n >= sizeof(text) || !bench_command_parse(text, &command)) {
        return false;
    }
    bench_proxy_command(proxy, &command, 0);
    return true;
}

static bool
load_script(struct bench_proxy *proxy, const char *path)
{
    int r = bench_script_load(path, &proxy->script);

    if (r != 0) {
        (void)fprintf(stderr, "line-proxy: %s: %s %d\n", path,
                      r < 0 ? "cannot be read" : "mistake in line", r);
    }
    return r == 0;
}

static bool
parse_options(struct bench_proxy *proxy, int argc, char **argv)
{
    const char *listen_text = NULL;
    bool ok = true;
    int index = 0;
    int c;

    while (ok && (c = getopt_long(argc, argv, "", options, &index)) != -1) {
        switch (c) {
        case OPT_LISTEN:
            listen_text = optarg;
            break;
        case OPT_CONNECT:
            ok = resolve(optarg, false, &proxy->target, &proxy->target_size);
            break;
        case OPT_SCRIPT:
            ok = load_script(proxy, optarg);
            break;
        case OPT_CONTROL:
            proxy->has_control = true;
            break;
        case OPT_HELP:
            (void)fputs(usage, stdout);
            exit(0);
        case '?':
            ok = false;
            break;
        default:
            ok = set_option(proxy, options[index].name, optarg);
        }
    }
    if (!ok || listen_text == NULL || proxy->target_size == 0 || optind != argc) {
        (void)fputs(usage, stderr);
        return false;
    }
    proxy->listen_fd = open_listener(listen_text);
    if (proxy->listen_fd < 0) {
        (void)fprintf(stderr, "line-proxy: cannot listen at %s\n", listen_text);
    }
    return proxy->listen_fd >= 0;
}

static void
catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t blocked;

    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGTERM);
    (void)sigaddset(&blocked, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &blocked, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
}

int
main(int argc, char **argv)
{
    static struct bench_proxy proxy = {.listen_fd = -1};
    struct bench_line_settings settings = {.queue = 128u * 1024u};
    unsigned i;

    for (i = 0; i < 2; i++) {
        proxy.trunk[i] = bench_trunk_new(&settings, SEED + i);
        if (proxy.trunk[i] == NULL) {
            return 1;
        }
    }
    catch_signals();
    if (!parse_options(&proxy, argc, argv)) {
        return 2;
    }
    proxy.started_us = bench_now_us();
    proxy.script_start_us = proxy.started_us;
    bench_proxy_run(&proxy);
    bench_proxy_print(&proxy);
    for (i = 0; i < 2; i++) {
        bench_trunk_free(proxy.trunk[i]);
    }
    bench_script_clear(&proxy.script);
    (void)close(proxy.listen_fd);
    return 0;
}
