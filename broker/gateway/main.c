/* SPDX-License-Identifier: Apache-2.0 */
/* vedette-gateway: the only process the network may reach. */
#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/gateway/gateway.h"
#include "protocol/base/log.h"
#include "protocol/base/options.h"
#include "protocol/base/secret.h"

#define MAX_NAME  64
#define MAX_FILES 8192

struct options {
    const char *bind;
    const char *cert;
    const char *key;
    const char *ca;
    const char *broker_socket;
    const char *uplink_url;
    const char *name;
    struct vd_strings public_names;
    int64_t port;
    int64_t header_timeout_ms;
};

static const struct vd_option table[] = {
    {"bind", VD_OPTION_STRING, offsetof(struct options, bind), "127.0.0.1", 0, 0, "ADDRESS",
     "Address to listen at."},
    {"port", VD_OPTION_INT, offsetof(struct options, port), "8443", 0, 65535, "PORT",
     "Port to listen at; 0 takes any free one."},
    {"cert", VD_OPTION_STRING, offsetof(struct options, cert), NULL, 0, 0, "FILE",
     "Certificate chain of this server, PEM."},
    {"key", VD_OPTION_STRING, offsetof(struct options, key), NULL, 0, 0, "FILE",
     "Private key of the certificate, PEM."},
    {"ca", VD_OPTION_STRING, offsetof(struct options, ca), "", 0, 0, "FILE",
     "Certificate authority, PEM; offered to clients as /ca.pem."},
    {"broker-socket", VD_OPTION_STRING, offsetof(struct options, broker_socket), NULL, 0, 0, "PATH",
     "Socket of the broker."},
    {"public-name", VD_OPTION_STRINGS, offsetof(struct options, public_names), NULL, 0, 0, "NAME",
     "Name or address that people reach this server by; may be given several times."},
    {"uplink-url", VD_OPTION_STRING, offsetof(struct options, uplink_url), "", 0, 0, "URL",
     "Where hosts reach /uplink; the default is this machine."},
    {"name", VD_OPTION_STRING, offsetof(struct options, name), "", 0, 0, "NAME",
     "Name of this gateway for the broker; the default is the host's."},
    {"header-timeout-ms", VD_OPTION_INT, offsetof(struct options, header_timeout_ms), "10000", 50,
     60000, "MS", "Time for a connection to show a whole request header."},
};

static const struct vd_program program = {
    .name = "vedette-gateway",
    .summary = "Relays clients to the broker and streams to clients over TLS 1.3.",
    .usage = "[OPTION...]",
    .options = table,
    .option_count = sizeof(table) / sizeof(table[0]),
};

/* The host's name in lower case, with whatever a name may not hold replaced. */
static void
host_name(char name[MAX_NAME])
{
    char *at;

    if (gethostname(name, MAX_NAME) != 0 || !isalnum((unsigned char)name[0])) {
        memcpy(name, "gateway", 8);
    }
    name[MAX_NAME - 1] = '\0';
    for (at = name; *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
        if (!isalnum((unsigned char)*at) && *at != '.' && *at != '-') {
            *at = '-';
        }
    }
}

/* The usual limit of 1,024 descriptors is less than the connections we take. */
static void
raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max < MAX_FILES ? limit.rlim_max : MAX_FILES;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* fewer connections, then */
    }
}

int
main(int argc, char **argv)
{
    static char host[MAX_NAME];
    const char *const names[] = {"localhost", "127.0.0.1", "[::1]", host};
    struct gateway_config config = {0};
    struct options options;

    vd_log_init("vedette-gateway");
    vd_secret_harden_process();
    json_set_alloc_funcs(malloc, vd_secret_release); /* passwords pass through JSON values */
    raise_limit();
    memset(&options, 0, sizeof(options));
    if (vd_options_parse(&program, &options, argc, argv, false) < 0) {
        return 2;
    }
    if (options.cert == NULL || options.key == NULL || options.broker_socket == NULL) {
        vd_error("main", "--cert, --key and --broker-socket are needed");
        return 2;
    }
    host_name(host);
    config.bind = options.bind;
    config.port = (unsigned)options.port;
    config.cert = options.cert;
    config.key = options.key;
    config.ca = options.ca;
    config.broker_socket = options.broker_socket;
    config.uplink_url = options.uplink_url;
    config.name = *options.name != '\0' ? options.name : host;
    config.header_timeout_ms = (unsigned)options.header_timeout_ms;
    config.names.items = options.public_names.count > 0 ? options.public_names.items : names;
    config.names.count = options.public_names.count > 0 ? options.public_names.count
                                                        : sizeof(names) / sizeof(names[0]);
    config.names.port = config.port;
    return gateway_run(&config) == 0 ? 0 : 1;
}
