/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/ctl/daemons.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/ctl/programs.h"
#include "protocol/base/fd.h"
#include "protocol/launch/spawn.h"

#define FIRST_FD 3u /* the number of the first descriptor that a service is given */

/* Command lines are made of pairs and live as long as one start. */
static void add(GPtrArray *arguments, const char *option, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static void
add(GPtrArray *arguments, const char *option, const char *format, ...)
{
    va_list args;

    g_ptr_array_add(arguments, g_strdup(option));
    va_start(args, format);
    g_ptr_array_add(arguments, g_strdup_vprintf(format, args));
    va_end(args);
}

static gboolean
start(struct ctl_service *service, GPtrArray *arguments, const int *fds, size_t count,
      GError **error)
{
    g_ptr_array_add(arguments, NULL);
    return ctl_service_start(service, (const char *const *)arguments->pdata, fds, count, error);
}

gboolean
ctl_daemons_init(struct ctl_daemons *daemons, const struct ctl_up_settings *settings,
                 const struct ctl_service_events *events, void *user_data, GError **error)
{
    const char *folder = settings->programs;
    bool change = settings->change_uid;

    memset(daemons, 0, sizeof(*daemons));
    daemons->settings = settings;
    if ((daemons->launch_path = ctl_program_find(folder, "vedette-launch", error)) == NULL ||
        (daemons->broker_path = ctl_program_find(folder, "vedette-broker", error)) == NULL ||
        (daemons->gateway_path = ctl_program_find(folder, "vedette-gateway", error)) == NULL ||
        (daemons->hostd_path = ctl_program_find(folder, "vedette-hostd", error)) == NULL ||
        (daemons->pam_path = ctl_program_find(folder, "vedette-pam", error)) == NULL ||
        (daemons->streamer_path = ctl_program_find(folder, "vedette-streamer", error)) == NULL) {
        return FALSE;
    }
    daemons->broker_launch = ctl_service_new("launch", "vedette-launch", daemons->launch_path, 0,
                                             false, events, user_data);
    daemons->host_launch = ctl_service_new("launch", "vedette-launch", daemons->launch_path, 0,
                                           false, events, user_data);
    daemons->broker =
        ctl_service_new("broker", "vedette-broker", daemons->broker_path,
                        ctl_uid_of(settings, CTL_USER_BROKER), change, events, user_data);
    daemons->gateway =
        ctl_service_new("gateway", "vedette-gateway", daemons->gateway_path,
                        ctl_uid_of(settings, CTL_USER_GATEWAY), change, events, user_data);
    daemons->hostd =
        ctl_service_new("hostd", "vedette-hostd", daemons->hostd_path,
                        ctl_uid_of(settings, CTL_USER_HOST), change, events, user_data);
    /* Like a machine's, so that what the host daemon may open says what machines may. */
    ctl_service_set_group(daemons->hostd, vd_launch_kvm_group());
    return TRUE;
}

void
ctl_daemons_clear(struct ctl_daemons *daemons)
{
    g_free(daemons->launch_path);
    g_free(daemons->broker_path);
    g_free(daemons->gateway_path);
    g_free(daemons->hostd_path);
    g_free(daemons->pam_path);
    g_free(daemons->streamer_path);
}

static gboolean
make_pair(int pair[2], GError **error)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
                    "cannot make a socket pair: %s", g_strerror(errno));
        return FALSE;
    }
    return TRUE;
}

/* What both ends of privilege are told. Descriptor 3 is the first that a service is given. */
static GPtrArray *
launch_arguments(const struct ctl_up_settings *settings, const char *role, enum ctl_user caller)
{
    GPtrArray *arguments = g_ptr_array_new_with_free_func(g_free);

    add(arguments, "--role", "%s", role);
    add(arguments, "--launch-fd", "3");
    add(arguments, "--uid", "%lu", (unsigned long)ctl_uid_of(settings, caller));
    add(arguments, "--desktop-uid-base", "%lu",
        settings->change_uid ? (unsigned long)settings->uid_base + CTL_DESKTOP_UIDS : 0);
    return arguments;
}

gboolean
ctl_daemons_start_broker(struct ctl_daemons *daemons, GError **error)
{
    const struct ctl_up_settings *settings = daemons->settings;
    g_autoptr(GPtrArray) launch = launch_arguments(settings, "broker", CTL_USER_BROKER);
    g_autoptr(GPtrArray) broker = g_ptr_array_new_with_free_func(g_free);
    int pair[2];
    gboolean done;

    if (!make_pair(pair, error)) {
        return FALSE;
    }
    add(launch, "--pam", "%s", daemons->pam_path);
    add(launch, "--pam-service", "%s", settings->pam_service);
    add(launch, "--pam-confdir", "%s", settings->pam_confdir);
    add(broker, "--state", "%s", settings->state);
    add(broker, "--config", "%s", settings->config);
    add(broker, "--run", "%s/run", settings->state);
    add(broker, "--host-bind", "%s", settings->host_bind);
    add(broker, "--host-port", "%u", settings->host_port);
    add(broker, "--launch-fd", "3");
    add(broker, "--gateway-uid", "%lu", (unsigned long)ctl_uid_of(settings, CTL_USER_GATEWAY));
    done = start(daemons->broker_launch, launch, &pair[0], 1, error) &&
           start(daemons->broker, broker, &pair[1], 1, error);
    vd_fd_clear(&pair[0]);
    vd_fd_clear(&pair[1]);
    return done;
}

gboolean
ctl_daemons_start_gateway(struct ctl_daemons *daemons, GError **error)
{
    const struct ctl_up_settings *settings = daemons->settings;
    g_autoptr(GPtrArray) gateway = g_ptr_array_new_with_free_func(g_free);
    size_t i;

    add(gateway, "--bind", "%s", settings->bind);
    add(gateway, "--port", "%u", settings->port);
    add(gateway, "--cert", "%s/pki/gateway.pem", settings->state);
    add(gateway, "--key", "%s/pki/gateway.key", settings->state);
    add(gateway, "--ca", "%s/pki/ca.pem", settings->state);
    add(gateway, "--broker-socket", "%s/run/gateway.sock", settings->state);
    for (i = 0; settings->names[i] != NULL; i++) {
        /* An IPv6 address stands in brackets in Host and Origin. */
        add(gateway, "--public-name", strchr(settings->names[i], ':') != NULL ? "[%s]" : "%s",
            settings->names[i]);
    }
    return start(daemons->gateway, gateway, NULL, 0, error);
}

/* The read end of a pipe that holds the token and its end. */
static int
token_pipe(const char *token, GError **error)
{
    int ends[2];
    int result;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno), "cannot make a pipe: %s",
                    g_strerror(errno));
        return -1;
    }
    result = vd_fd_write_all(ends[1], token, strlen(token)); /* far below a pipe's room */
    vd_fd_clear(&ends[1]);
    if (result < 0) {
        vd_fd_clear(&ends[0]);
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(-result), "cannot write a pipe: %s",
                    g_strerror(-result));
    }
    return ends[0];
}

gboolean
ctl_daemons_start_host(struct ctl_daemons *daemons, const char *join_token, GError **error)
{
    const struct ctl_up_settings *settings = daemons->settings;
    g_autoptr(GPtrArray) launch = launch_arguments(settings, "host", CTL_USER_HOST);
    g_autoptr(GPtrArray) hostd = g_ptr_array_new_with_free_func(g_free);
    int token_fd = -1;
    int kvm_fd;
    int pair[2] = {-1, -1};
    int fds[3];
    size_t count = 0;
    gboolean done;

    if (join_token != NULL && (token_fd = token_pipe(join_token, error)) < 0) {
        return FALSE;
    }
    if (!make_pair(pair, error)) {
        vd_fd_clear(&token_fd);
        return FALSE;
    }
    kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    fds[count++] = pair[1];
    add(launch, "--machine", "%s", settings->qemu);
    add(launch, "--streamer", "%s", daemons->streamer_path);
    add(hostd, "--state", "%s/hostd", settings->state);
    add(hostd, "--images", "%s/images", settings->state);
    add(hostd, "--broker", "wss://%s:%u",
        strcmp(settings->host_bind, "0.0.0.0") == 0 ? "127.0.0.1" : settings->host_bind,
        settings->host_port);
    add(hostd, "--ca", "%s/pki/ca.pem", settings->state);
    add(hostd, "--launch-fd", "3");
    add(hostd, "--name", "%s", settings->host_name);
    add(hostd, "--qemu", "%s", settings->qemu);
    if (token_fd >= 0) {
        fds[count++] = token_fd;
        add(hostd, "--join-fd", "%zu", FIRST_FD + count - 1);
    }
    if (kvm_fd >= 0) {
        fds[count++] = kvm_fd;
        add(hostd, "--kvm-fd", "%zu", FIRST_FD + count - 1);
    }
    done = start(daemons->host_launch, launch, &pair[0], 1, error) &&
           start(daemons->hostd, hostd, fds, count, error);
    vd_fd_clear(&pair[0]);
    vd_fd_clear(&pair[1]);
    vd_fd_clear(&token_fd);
    vd_fd_clear(&kvm_fd);
    return done;
}
