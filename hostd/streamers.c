/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamers.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostd/figures.h"
#include "hostd/input.h"
#include "hostd/kvm/socket.h"
#include "hostd/notices.h"
#include "hostd/picture.h"
#include "protocol/base/clock.h"
#include "hostd/streamrecord.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/link/channel.h"
#include "protocol/wire/messages.h"

#define SOCKET         "streamer.sock"
#define LOG            "streamer.log"
#define MAX_ID         HOSTD_STREAM_ID_MAX
#define MAX_WAITING    8u /* sockets of a display: SPICE has one a channel */
#define LOG_MAX        (1024 * 1024)
#define RESTART_MIN_MS 100u
#define RESTART_MAX_MS 5000u
#define STABLE_US      (10 * G_USEC_PER_SEC) /* alive for so long: the next death starts over */
#define PATIENCE_US    (3 * G_USEC_PER_SEC)  /* until an order that shows no effect is given up */

struct hostd_streamer {
    const struct kvm_environment *environment;
    struct kvm_machine *machine;
    const struct hostd_streamer_events *events;
    void *user_data;
    const char *id;
    int folder;

    struct vd_process process; /* pid 0: none that we know */
    int pidfd;
    guint exit_source, restart;
    unsigned restart_ms;
    int64_t started_us;
    struct vdp_channel_conn *channel;

    /* What it said last; heard is false until it has said something on this channel. */
    bool heard, has_display;
    char stream[MAX_ID + 1];
    char next[MAX_ID + 1]; /* the one it is turning to */
    char state[16];
    struct hostd_figures figures;

    bool asking_display;
    int waiting[MAX_WAITING]; /* sockets that the machine gets after the present one */
    unsigned waiting_count;
    int64_t display_us; /* when it was asked to make a display's socket; 0: never */

    bool keeps_picture; /* of the screen when its client leaves, as the broker wants */
    unsigned monitors;  /* that its client can have */
    bool told_policy;   /* and the streamer knows that */

    json_t *wanted; /* owned; JSON null: nothing; NULL: not heard yet */
    char dialled[MAX_ID + 1];
    int64_t dialled_us; /* when this process was told; 0: an earlier one was */
    char hung_up[MAX_ID + 1];
    struct hostd_input *input;
    struct hostd_notices notices;
};

static gboolean on_restart(gpointer user_data);

static void
copy_id(char *to, const char *from)
{
    g_strlcpy(to, from == NULL || strlen(from) > MAX_ID ? "" : from, MAX_ID + 1);
}

static bool
save(const struct hostd_streamer *streamer)
{
    struct hostd_streamrecord record = {.boot_id = streamer->environment->boot_id,
                                        .slot = kvm_machine_record(streamer->machine)->slot,
                                        .process = streamer->process};
    int result;

    copy_id(record.dialled, streamer->dialled);
    result = hostd_streamrecord_write(&record, kvm_machine_folder(streamer->machine));
    if (result < 0) {
        vd_warning("streamer", "%s: cannot write its record: %s", streamer->id, strerror(-result));
    }
    return result == 0;
}

/* Fills process and dialled from what an earlier hostd wrote; process only if it still runs. */
static void
load(struct hostd_streamer *streamer)
{
    struct hostd_streamrecord record = {.boot_id = streamer->environment->boot_id};

    if (hostd_streamrecord_read(&record, kvm_machine_folder(streamer->machine))) {
        copy_id(streamer->dialled, record.dialled);
        streamer->process = record.process;
    }
}

static void
note_change(struct hostd_streamer *streamer)
{
    streamer->events->changed(streamer, streamer->user_data);
}

static void
drop_waiting(struct hostd_streamer *streamer)
{
    while (streamer->waiting_count > 0) {
        vd_fd_clear(&streamer->waiting[--streamer->waiting_count]);
    }
}

static void
disconnect(struct hostd_streamer *streamer)
{
    hostd_input_forget(streamer->input);
    vdp_channel_free(streamer->channel);
    streamer->channel = NULL;
    streamer->heard = streamer->has_display = false;
    hostd_figures_restart(&streamer->figures);
    streamer->told_policy = false;
    streamer->stream[0] = streamer->next[0] = '\0';
    streamer->display_us = 0;
    if (streamer->asking_display) {
        kvm_machine_cancel_display(streamer->machine);
        streamer->asking_display = false;
    }
    drop_waiting(streamer);
}

/* The process is gone, or cannot be reached: a fresh one follows, ever more slowly. */
static void
schedule_restart(struct hostd_streamer *streamer)
{
    disconnect(streamer);
    g_clear_handle_id(&streamer->exit_source, g_source_remove);
    vd_fd_clear(&streamer->pidfd);
    memset(&streamer->process, 0, sizeof(streamer->process));
    streamer->dialled_us = 0;
    if (streamer->restart == 0) {
        if (vd_monotonic_us() - streamer->started_us > STABLE_US) {
            streamer->restart_ms = RESTART_MIN_MS;
        }
        streamer->restart = g_timeout_add(streamer->restart_ms, on_restart, streamer);
        streamer->restart_ms = MIN(2 * streamer->restart_ms, RESTART_MAX_MS);
    }
    note_change(streamer);
}

static gboolean
on_exit_seen(gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
    struct hostd_streamer *streamer = user_data;

    streamer->exit_source = 0;
    vd_warning("streamer", "%s: its streamer ended, starting another", streamer->id);
    schedule_restart(streamer);
    return G_SOURCE_REMOVE;
}

static json_t *describe(const struct hostd_streamer *streamer);
static void give_display(struct hostd_streamer *streamer, int fd);

static void
on_display(const char *text, void *user_data)
{
    struct hostd_streamer *streamer = user_data;

    streamer->asking_display = false;
    if (text != NULL) {
        vd_debug("streamer", "%s: no display: %s", streamer->id, text);
        drop_waiting(streamer);
    } else if (streamer->waiting_count > 0) {
        int fd = streamer->waiting[0];

        streamer->waiting_count--;
        memmove(streamer->waiting, streamer->waiting + 1,
                streamer->waiting_count * sizeof(streamer->waiting[0]));
        give_display(streamer, fd);
    }
}

static void
give_display(struct hostd_streamer *streamer, int fd)
{
    streamer->asking_display = true;
    kvm_machine_display(streamer->machine, fd, on_display, streamer);
}

/*
 * The streamer made the pair: its uid is the machine's, which lets nobody else in. A socket that
 * comes at a bad time is closed; the streamer reports that and is asked again.
 */
static void
take_display(struct hostd_streamer *streamer, int fd)
{
    bool is_spice = kvm_machine_record(streamer->machine)->display != KVM_DISPLAY_DBUS;

    if (fd >= 0 && !streamer->asking_display) {
        give_display(streamer, fd);
    } else if (fd >= 0 && is_spice && streamer->waiting_count < MAX_WAITING) {
        streamer->waiting[streamer->waiting_count++] = fd;
    } else {
        vd_fd_clear(&fd);
    }
}

/* The screen that the streamer's client left, if the broker wants to see it. */
static void
take_picture(struct hostd_streamer *streamer, const json_t *message)
{
    const struct kvm_record *record = kvm_machine_record(streamer->machine);
    json_t *picture;

    if (!streamer->keeps_picture) {
        return; /* the policy has changed meanwhile */
    }
    picture = hostd_picture_read(message, record->id, record->epoch);
    if (picture != NULL) {
        streamer->events->picture(streamer, picture, streamer->user_data);
    } else {
        vd_warning("streamer", "%s: its streamer sent something that is no picture", streamer->id);
    }
}

static void
on_message(struct vdp_channel_conn *conn, json_t *message, int fd, void *user_data)
{
    struct hostd_streamer *streamer = user_data;
    const char *type = json_string_value(json_object_get(message, "type"));
    const char *state = json_string_value(json_object_get(message, "state"));

    json_t *before, *after;

    if (g_strcmp0(type, "display") == 0) {
        take_display(streamer, fd);
        return;
    }
    vd_fd_clear(&fd); /* none is expected */
    if (hostd_input_take(streamer->input, conn, message)) {
        return;
    }
    if (g_strcmp0(type, "picture") == 0) {
        take_picture(streamer, message);
        return;
    }
    if (g_strcmp0(type, "status") != 0) {
        return;
    }
    hostd_figures_take(&streamer->figures, message);
    before = describe(streamer);
    streamer->heard = true;
    streamer->has_display = json_is_true(json_object_get(message, "display"));
    copy_id(streamer->stream, json_string_value(json_object_get(message, "stream")));
    copy_id(streamer->next, json_string_value(json_object_get(message, "next")));
    g_strlcpy(streamer->state, state == NULL ? "" : state, sizeof(streamer->state));
    hostd_streamer_tend(streamer);
    after = describe(streamer);
    if (!json_equal(before, after)) {
        note_change(streamer); /* its figures alone are no news for the broker */
    }
    json_decref(before);
    json_decref(after);
}

static void
on_channel_closed(struct vdp_channel_conn *conn G_GNUC_UNUSED, const char *text, void *user_data)
{
    struct hostd_streamer *streamer = user_data;

    vd_debug("streamer", "%s: control channel: %s", streamer->id, text);
    disconnect(streamer);
    if (streamer->pidfd < 0) {
        schedule_restart(streamer); /* found through its socket only: now it is nobody's */
    }
}

static const struct vdp_channel_events channel_events = {on_message, on_channel_closed};

/* True when there is a channel now. */
static bool
connect_channel(struct hostd_streamer *streamer)
{
    int fd = kvm_socket_connect(streamer->folder, SOCKET);

    if (fd < 0) {
        return false;
    }
    streamer->channel = vdp_channel_new(fd, NULL, &channel_events, streamer);
    return true;
}

static bool
watch(struct hostd_streamer *streamer)
{
    streamer->pidfd = (int)syscall(SYS_pidfd_open, streamer->process.pid, 0);
    if (streamer->pidfd < 0 || !vd_process_is_alive(streamer->process)) {
        vd_fd_clear(&streamer->pidfd);
        return false;
    }
    streamer->exit_source = g_unix_fd_add(streamer->pidfd, G_IO_IN, on_exit_seen, streamer);
    return true;
}

static void
start(struct hostd_streamer *streamer)
{
    int listener = kvm_socket_listen(streamer->folder, SOCKET);
    int log =
        openat(streamer->folder, LOG, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    int result = listener < 0 ? listener
                 : log < 0    ? -errno
                              : vd_launch_streamer(streamer->environment->launch,
                                                   kvm_machine_record(streamer->machine)->slot,
                                                   &listener, 1, log, &streamer->process);

    vd_fd_clear(&log);
    vd_fd_clear(&listener);
    streamer->started_us = vd_monotonic_us();
    if (result < 0) {
        vd_warning("streamer", "%s: cannot start its streamer: %s", streamer->id,
                   strerror(-result));
        schedule_restart(streamer);
        return;
    }
    (void)save(streamer); /* says so itself; found again through its socket */
    if (!watch(streamer) || !connect_channel(streamer)) {
        schedule_restart(streamer);
    }
}

static gboolean
on_restart(gpointer user_data)
{
    struct hostd_streamer *streamer = user_data;

    streamer->restart = 0;
    start(streamer);
    return G_SOURCE_REMOVE;
}

struct hostd_streamer *
hostd_streamer_new(const struct kvm_environment *environment, struct kvm_machine *machine,
                   const struct hostd_streamer_events *events, void *user_data)
{
    struct hostd_streamer *streamer = g_new0(struct hostd_streamer, 1);

    streamer->environment = environment;
    streamer->machine = machine;
    streamer->events = events;
    streamer->user_data = user_data;
    streamer->id = kvm_machine_record(machine)->id;
    streamer->folder = open(kvm_machine_folder(machine), O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    streamer->input = hostd_input_new(machine);
    streamer->pidfd = -1;
    streamer->restart_ms = RESTART_MIN_MS;
    load(streamer);
    if (streamer->process.pid != 0 && !watch(streamer)) {
        memset(&streamer->process, 0, sizeof(streamer->process));
    }
    /* One that was started and not yet written down still answers on its socket. */
    if (!connect_channel(streamer) && streamer->process.pid == 0) {
        streamer->restart = g_timeout_add(0, on_restart, streamer);
    }
    return streamer;
}

void
hostd_streamer_free(struct hostd_streamer *streamer)
{
    if (streamer == NULL) {
        return;
    }
    disconnect(streamer);
    hostd_input_free(streamer->input);
    g_clear_handle_id(&streamer->exit_source, g_source_remove);
    g_clear_handle_id(&streamer->restart, g_source_remove);
    vd_fd_clear(&streamer->pidfd);
    vd_fd_clear(&streamer->folder);
    json_decref(streamer->wanted);
    hostd_figures_clear(&streamer->figures);
    g_free(streamer);
}

void
hostd_streamer_end(struct hostd_streamer *streamer)
{
    int result;

    if (streamer != NULL && streamer->process.pid != 0) {
        result = vd_launch_signal(streamer->environment->launch,
                                  kvm_machine_record(streamer->machine)->slot, streamer->process,
                                  SIGKILL);
        if (result < 0 && result != -ESRCH) {
            vd_warning("streamer", "%s: cannot end its streamer: %s", streamer->id,
                       strerror(-result));
        }
    }
    hostd_streamer_free(streamer);
}

void
hostd_streamer_end_left(const struct kvm_environment *environment, const char *id)
{
    g_autofree char *folder = g_build_filename(environment->desktops, id, NULL);
    struct hostd_streamrecord record = {.boot_id = environment->boot_id};

    if (hostd_streamrecord_read(&record, folder) && record.process.pid != 0) {
        vd_notice("streamer", "%s: its machine has ended, ending its streamer", id);
        (void)vd_launch_signal(environment->launch, record.slot, record.process, SIGKILL);
    }
}

struct vd_process
hostd_streamer_process(const struct hostd_streamer *streamer)
{
    return streamer->process;
}

static const char *
wanted_id(const struct hostd_streamer *streamer)
{
    const char *id = json_string_value(json_object_get(streamer->wanted, "id"));

    return id == NULL ? "" : id;
}

/* Nothing before the broker has said what it wants: an earlier hostd's word then holds. */
static void
tell_policy(struct hostd_streamer *streamer)
{
    if (streamer->channel != NULL && streamer->wanted != NULL && !streamer->told_policy) {
        streamer->told_policy = true;
        vdp_channel_send(streamer->channel,
                         json_pack("{s:s, s:b, s:i}", "type", "policy", "picture",
                                   (int)streamer->keeps_picture, "monitors",
                                   (int)streamer->monitors),
                         -1);
    }
}

void
hostd_streamer_want(struct hostd_streamer *streamer, const json_t *stream, bool picture,
                    unsigned monitors)
{
    json_t *wanted = stream != NULL ? json_deep_copy(stream) : NULL;
    unsigned most =
        MIN(monitors, kvm_display_heads(kvm_machine_record(streamer->machine)->display));

    if (streamer->keeps_picture != picture || streamer->monitors != most) {
        streamer->keeps_picture = picture;
        streamer->monitors = most;
        streamer->told_policy = false;
        tell_policy(streamer);
    }
    if (!json_equal(wanted, streamer->wanted)) {
        json_decref(streamer->wanted);
        streamer->wanted = wanted;
        hostd_streamer_tend(streamer);
        note_change(streamer);
        return;
    }
    json_decref(wanted);
}

/* The one order to dial that a stream id gets; written down before it goes out. */
static void
dial(struct hostd_streamer *streamer)
{
    const char *url = json_string_value(json_object_get(streamer->wanted, "url"));
    const char *token = json_string_value(json_object_get(streamer->wanted, "token"));
    const char *ca = json_string_value(json_object_get(streamer->wanted, "ca"));
    json_t *message = json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", "dial", "stream",
                                wanted_id(streamer), "url", url == NULL ? "" : url, "token",
                                token == NULL ? "" : token, "ca", ca == NULL ? "" : ca);

    copy_id(streamer->dialled, wanted_id(streamer));
    streamer->dialled_us = vd_monotonic_us();
    (void)save(streamer); /* without a disk it is remembered as long as we live */
    vdp_channel_send(streamer->channel, message, -1);
    vd_info("streamer", "%s: told to dial for stream %s", streamer->id, streamer->dialled);
}

static void
tell(struct hostd_streamer *streamer, json_t *message)
{
    if (message != NULL) {
        vdp_channel_send(streamer->channel, message, -1);
    }
}

/* What the user is to read, while somebody looks. */
static void
tell_notices(struct hostd_streamer *streamer)
{
    const json_t *notice = json_object_get(streamer->wanted, "notice");

    if (streamer->stream[0] == '\0' || strcmp(streamer->state, "streaming") != 0) {
        return;
    }
    if (strcmp(streamer->stream, wanted_id(streamer)) == 0) {
        tell(streamer, hostd_notices_take(&streamer->notices, notice, streamer->stream));
    }
    tell(streamer, hostd_notices_held(&streamer->notices, kvm_machine_is_held(streamer->machine),
                                      streamer->stream));
}

static void
cut_log(struct hostd_streamer *streamer)
{
    struct stat status;
    int fd = openat(streamer->folder, LOG, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size > LOG_MAX && ftruncate(fd, 0) < 0) {
        vd_warning("streamer", "%s: cannot cut its log: %s", streamer->id, strerror(errno));
    }
    vd_fd_clear(&fd);
}

void
hostd_streamer_tend(struct hostd_streamer *streamer)
{
    const char *id = wanted_id(streamer);
    int64_t now = vd_monotonic_us();

    if (streamer->channel == NULL) {
        if (streamer->restart == 0 && streamer->pidfd >= 0) {
            (void)connect_channel(streamer); /* tried again with the next look */
        }
        return;
    }
    if (!streamer->heard) {
        return;
    }
    if (!streamer->has_display && !streamer->asking_display &&
        now - streamer->display_us > PATIENCE_US && kvm_machine_takes_display(streamer->machine)) {
        streamer->display_us = now;
        vdp_channel_send(
            streamer->channel,
            json_pack("{s:s, s:s}", "type", "display", "kind",
                      kvm_display_kind(kvm_machine_record(streamer->machine)->display)),
            -1);
    }
    tell_policy(streamer);
    if (id[0] != '\0' && strlen(id) <= MAX_ID && strcmp(id, streamer->dialled) != 0) {
        dial(streamer);
    } else if (streamer->wanted != NULL && id[0] == '\0' && streamer->stream[0] != '\0' &&
               strcmp(streamer->stream, streamer->hung_up) != 0) {
        copy_id(streamer->hung_up, streamer->stream);
        vdp_channel_send(streamer->channel,
                         json_pack("{s:s, s:s, s:i, s:s}", "type", "hangup", "stream",
                                   streamer->stream, "reason", (int)VDP_GOAWAY_ENDED, "text",
                                   "the session ended"),
                         -1);
    }
    tell_notices(streamer);
    cut_log(streamer);
}

/* {"id","state"} or null. New reference. */
static json_t *
describe(const struct hostd_streamer *streamer)
{
    const char *id = wanted_id(streamer);
    const char *state = "lost";

    if (id[0] == '\0') {
        return json_null();
    }
    if (strcmp(id, streamer->dialled) != 0) {
        state = "starting";
    } else if (strcmp(id, streamer->stream) == 0) {
        state = streamer->state;
    } else if (strcmp(id, streamer->next) == 0) {
        state = "dialling";
    } else if (streamer->dialled_us != 0 &&
               vd_monotonic_us() - streamer->dialled_us < PATIENCE_US) {
        state = "dialling";
    }
    return json_pack("{s:s, s:s}", "id", id, "state", state);
}

json_t *
hostd_streamer_report(const struct hostd_streamer *streamer)
{
    json_t *report = describe(streamer);

    if (streamer->figures.json != NULL && json_is_object(report) &&
        strcmp(wanted_id(streamer), streamer->stream) == 0) {
        json_object_set(report, "figures", streamer->figures.json);
    }
    return report;
}
