/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vedette-hostd as a process, between a broker played by this test and real machines, a real
 * vedette-launch and a real vedette-streamer.
 */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostd/image/manifest.h"
#include "hostd/kvm/record.h"
#include "protocol/base/fd.h"
#include "protocol/base/secret.h"
#include "protocol/link/link.h"
#include "protocol/link/pki.h"
#include "protocol/wire/buffer.h"
#include "protocol/wire/messages.h"
#include "protocol/wire/record.h"

#define ENGINE  "qemu-system-x86_64"
#define WAIT_US (90 * G_USEC_PER_SEC)
#define DESKTOP "d-00000001"

struct fixture {
    char *root, *state, *desktop, *ca_path;
    char *cert; /* the last renewed one */
    char token[VD_TOKEN_CHARS + 1];
    struct vdp_pair ca, pair;
    struct vdp_link_server *server;
    struct vdp_link *host; /* the one on /host */
    struct vdp_framer *framer;
    json_t *hello, *observed;
    unsigned joins, reports, renewals;
    const char *renew_hours; /* NULL: as it is by itself */
    pid_t hostd, launch;
};

static void
send_json(struct vdp_link *link, json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);
    struct vdp_buffer buffer = {0};
    g_autoptr(GBytes) bytes = NULL;

    g_assert_cmpint(vdp_put_json(&buffer, text, strlen(text)), ==, 0);
    bytes = g_bytes_new(buffer.data, buffer.size);
    vdp_link_send(link, bytes, 0);
    vdp_buffer_clear(&buffer);
    free(text);
    json_decref(message);
}

static void
answer_join(struct fixture *fixture, struct vdp_link *link, json_t *message)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *cert = NULL;

    g_assert_cmpstr(json_string_value(json_object_get(message, "token")), ==, fixture->token);
    g_assert_cmpstr(json_string_value(json_object_get(message, "name")), ==, "h1");
    cert = vdp_pki_sign_request(&fixture->ca, json_string_value(json_object_get(message, "csr")),
                                "h1", 7, &error);
    g_assert_no_error(error);
    fixture->joins++;
    send_json(link, json_pack("{s:s, s:s}", "type", "joined", "cert", cert));
}

static void
answer_renew(struct fixture *fixture, struct vdp_link *link, json_t *message)
{
    g_autoptr(GError) error = NULL;

    g_free(fixture->cert);
    fixture->cert = vdp_pki_sign_request(
        &fixture->ca, json_string_value(json_object_get(message, "csr")), "h1", 7, &error);
    g_assert_no_error(error);
    fixture->renewals++;
    send_json(link, json_pack("{s:s, s:s}", "type", "renewed", "cert", fixture->cert));
}

static void
on_data(struct vdp_link *link, const uint8_t *data, size_t size, void *user_data)
{
    struct fixture *fixture = user_data;
    struct vdp_record record;
    size_t taken;

    while (size > 0) {
        g_assert_cmpint(vdp_framer_push(fixture->framer, data, size, &taken), ==, 0);
        data += taken;
        size -= taken;
        while (vdp_framer_next(fixture->framer, &record) == 1) {
            json_t *message = json_loadb((const char *)record.body, record.size, 0, NULL);
            const char *type = json_string_value(json_object_get(message, "type"));

            if (strcmp(type, "join") == 0) {
                answer_join(fixture, link, message);
            } else if (strcmp(type, "renew") == 0) {
                answer_renew(fixture, link, message);
            } else if (strcmp(type, "hello") == 0) {
                json_decref(fixture->hello);
                fixture->hello = json_incref(message);
            } else if (strcmp(type, "observed") == 0) {
                json_decref(fixture->observed);
                fixture->observed = json_incref(message);
                fixture->reports++;
            }
            json_decref(message);
        }
    }
}

static void
on_closed(struct vdp_link *link, enum vdp_link_close reason G_GNUC_UNUSED,
          const char *text G_GNUC_UNUSED, void *user_data)
{
    struct fixture *fixture = user_data;

    if (fixture->host == link) {
        fixture->host = NULL;
    }
    vdp_link_free(link);
}

static const struct vdp_link_events link_events = {.data = on_data, .closed = on_closed};

static void
on_accepted(struct vdp_link *link, void *user_data)
{
    struct fixture *fixture = user_data;

    vdp_framer_free(fixture->framer);
    fixture->framer = vdp_framer_new(1024 * 1024);
    if (strcmp(vdp_link_path(link), "/host") == 0) {
        g_assert_cmpstr(vdp_link_peer_name(link), ==, "h1");
        fixture->host = link;
    } else {
        g_assert_cmpstr(vdp_link_path(link), ==, "/join");
    }
    vdp_link_accept(link, &link_events, fixture);
}

static const char *
built(const char *folder, const char *name)
{
    return g_test_get_filename(G_TEST_BUILT, "..", "..", folder, name, NULL);
}

static pid_t
spawn(const char *const *argv, int keep)
{
    pid_t pid = fork();

    if (pid == 0) {
        (void)fcntl(keep, F_SETFD, 0);
        (void)execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    g_assert_cmpint(pid, >, 0);
    return pid;
}

static void
start_hostd(struct fixture *fixture, bool join)
{
    g_autofree char *engine = g_find_program_in_path(ENGINE);
    g_autofree char *images = g_build_filename(fixture->root, "images", NULL);
    g_autofree char *url =
        g_strdup_printf("wss://127.0.0.1:%u", vdp_link_server_port(fixture->server));
    g_autofree char *near_fd = NULL;
    g_autofree char *far_fd = NULL;
    g_autofree char *join_fd = NULL;
    int pair[2], ends[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    if (join) {
        g_assert_cmpint(vd_fd_write_all(ends[1], fixture->token, VD_TOKEN_CHARS), ==, 0);
    }
    close(ends[1]);
    near_fd = g_strdup_printf("%d", pair[0]);
    far_fd = g_strdup_printf("%d", pair[1]);
    join_fd = g_strdup_printf("%d", ends[0]);
    fixture->launch = spawn(
        (const char *const[]){built("protocol/launch", "vedette-launch"), "--role", "host",
                              "--launch-fd", far_fd, "--desktop-uid-base",
                              geteuid() == 0 ? "64200" : "0", "--machine", engine, "--streamer",
                              built("hostd/streamer", "vedette-streamer"), NULL},
        pair[1]);
    (void)fcntl(ends[0], F_SETFD, 0);
    fixture->hostd = spawn(
        (const char *const[]){built("hostd", "vedette-hostd"), "--state", fixture->state,
                              "--images", images, "--broker", url, "--ca", fixture->ca_path,
                              "--name", "h1", "--launch-fd", near_fd, "--join-fd", join_fd,
                              "--renew-hours",
                              fixture->renew_hours != NULL ? fixture->renew_hours : "72", NULL},
        pair[0]);
    close(pair[0]);
    close(pair[1]);
    close(ends[0]);
}

/* What a kill -9 of hostd by the system looks like; launch ends by itself. */
static void
kill_hostd(struct fixture *fixture)
{
    g_assert_cmpint(kill(fixture->hostd, SIGKILL), ==, 0);
    g_assert_cmpint(waitpid(fixture->hostd, NULL, 0), ==, fixture->hostd);
    g_assert_cmpint(waitpid(fixture->launch, NULL, 0), ==, fixture->launch);
}

static void
run(const char *const *argv)
{
    g_autoptr(GError) error = NULL;
    int status = -1;

    g_spawn_sync(NULL, (char **)(uintptr_t)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
                 &status, &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
}

static void
make_image(struct fixture *fixture)
{
    g_autofree char *revision = g_build_filename(fixture->root, "images", "empty", "1", NULL);
    g_autofree char *disk = g_build_filename(revision, "disk.qcow2", NULL);
    g_autofree char *path = g_build_filename(revision, IMAGE_MANIFEST_FILE, NULL);
    struct image_manifest manifest = {.name = "empty",
                                      .revision = 1,
                                      .created = "2026-01-01T00:00:00Z",
                                      .kind = IMAGE_DISK,
                                      .disk = "disk.qcow2",
                                      .memory_min_mb = 64};
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;

    g_assert_cmpint(vd_mkdir_all(revision, 0755), ==, 0);
    run((const char *const[]){"qemu-img", "create", "-q", "-f", "qcow2", disk, "16M", NULL});
    image_manifest_add_file(&manifest, revision, manifest.disk, &error);
    g_assert_no_error(error);
    image_manifest_seal(&manifest);
    text = image_manifest_to_json(&manifest);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void
set_up(struct fixture *fixture)
{
    static const char *const names[] = {"127.0.0.1", NULL};
    struct vdp_link_server_options options = {.bind = "127.0.0.1", .max_links = 8};
    g_autoptr(GError) error = NULL;

    memset(fixture, 0, sizeof(*fixture));
    fixture->root = g_dir_make_tmp("vedette-hostd-XXXXXX", NULL);
    fixture->state = g_build_filename(fixture->root, "hostd", NULL);
    fixture->desktop = g_build_filename(fixture->state, "desktops", DESKTOP, NULL);
    fixture->ca_path = g_build_filename(fixture->root, "ca.pem", NULL);
    g_assert_cmpint(vd_mkdir_all(fixture->state, 0700), ==, 0);
    make_image(fixture);
    vd_token_new(fixture->token);
    g_assert_true(vdp_pki_make_ca("test", &fixture->ca, &error));
    g_assert_true(vdp_pki_make_server(&fixture->ca, names, 1, &fixture->pair, &error));
    g_assert_true(g_file_set_contents(fixture->ca_path, fixture->ca.cert_pem, -1, NULL));
    options.ca_pem = fixture->ca.cert_pem;
    options.cert_pem = fixture->pair.cert_pem;
    options.key_pem = fixture->pair.key_pem;
    fixture->server = vdp_link_server_new(&options, NULL, on_accepted, fixture, &error);
    g_assert_no_error(error);
}

static void
tear_down(struct fixture *fixture)
{
    kill_hostd(fixture);
    vdp_link_server_free(fixture->server);
    vdp_framer_free(fixture->framer);
    vdp_pair_clear(&fixture->ca);
    vdp_pair_clear(&fixture->pair);
    json_decref(fixture->hello);
    json_decref(fixture->observed);
    run((const char *const[]){"rm", "-rf", fixture->root, NULL});
    g_free(fixture->root);
    g_free(fixture->state);
    g_free(fixture->desktop);
    g_free(fixture->ca_path);
    g_free(fixture->cert);
}

static gboolean
wake(gpointer user_data G_GNUC_UNUSED)
{
    return G_SOURCE_CONTINUE;
}

/* The desktop as last reported, or NULL. Borrowed. */
static json_t *
seen(const struct fixture *fixture)
{
    json_t *desktops = json_object_get(fixture->observed, "desktops");
    size_t i;

    for (i = 0; i < json_array_size(desktops); i++) {
        json_t *desktop = json_array_get(desktops, i);

        if (strcmp(json_string_value(json_object_get(desktop, "id")), DESKTOP) == 0) {
            return desktop;
        }
    }
    return NULL;
}

static const char *
text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text == NULL ? "" : text;
}

static bool
is_linked(const struct fixture *fixture)
{
    return fixture->host != NULL && fixture->observed != NULL;
}

static bool
is_ready(const struct fixture *fixture)
{
    return strcmp(text_of(seen(fixture), "state"), "ready") == 0;
}

static bool
is_failed(const struct fixture *fixture)
{
    return strcmp(text_of(seen(fixture), "state"), "failed") == 0;
}

static bool
is_gone(const struct fixture *fixture)
{
    return strcmp(text_of(seen(fixture), "state"), "gone") == 0;
}

static bool
is_absent(const struct fixture *fixture)
{
    return fixture->observed != NULL && seen(fixture) == NULL;
}

static bool
is_dialling(const struct fixture *fixture)
{
    const char *state = text_of(json_object_get(seen(fixture), "stream"), "state");

    return strcmp(state, "dialling") == 0;
}

static bool
is_lost(const struct fixture *fixture)
{
    return strcmp(text_of(json_object_get(seen(fixture), "stream"), "state"), "lost") == 0;
}

static bool
has_streamer(const struct fixture *fixture)
{
    g_autofree char *path = g_build_filename(fixture->desktop, "streamer.json", NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void
wait_until(struct fixture *fixture, bool (*holds)(const struct fixture *), const char *what)
{
    gint64 deadline = g_get_monotonic_time() + WAIT_US;
    guint source = g_timeout_add(50, wake, NULL);

    while (!holds(fixture)) {
        if (g_get_monotonic_time() > deadline) {
            char *text = json_dumps(fixture->observed, 0);

            g_error("waited in vain until %s; last report: %s", what, text);
        }
        g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(source);
}

static void
desire(struct fixture *fixture, const char *state, int epoch, const char *accel, json_t *stream)
{
    send_json(fixture->host,
              json_pack("{s:s, s:i, s:[{s:s, s:i, s:s, s:s, s:i, s:i, s:i, s:i, s:s, s:s, s:o}]}",
                        "type", "desired", "seq", 1, "desktops", "id", DESKTOP, "slot", 1, "pool",
                        "test", "image", "empty", "revision", 1, "epoch", epoch, "cpu", 1,
                        "memory_mb", 128, "accel", accel, "state", state, "stream", stream));
}

static struct vd_process
machine_process(struct fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    struct kvm_record record;
    struct vd_process process;

    kvm_record_read(&record, fixture->desktop, &error);
    g_assert_no_error(error);
    process = record.process;
    kvm_record_clear(&record);
    return process;
}

static int
streamer_pid(struct fixture *fixture)
{
    g_autofree char *path = g_build_filename(fixture->desktop, "streamer.json", NULL);
    json_t *json = json_load_file(path, 0, NULL);
    int pid = (int)json_integer_value(json_object_get(json, "pid"));

    json_decref(json);
    return pid;
}

static void
link_up(struct fixture *fixture, bool join)
{
    json_decref(fixture->observed);
    fixture->observed = NULL;
    start_hostd(fixture, join);
    wait_until(fixture, is_linked, "the host has linked and reported");
}

/* The newest certificate is the one on disk. */
static bool
keeps_renewed(const struct fixture *fixture)
{
    g_autofree char *path = g_build_filename(fixture->state, "host.pem", NULL);
    g_autofree char *text = NULL;

    return fixture->renewals > 0 && g_file_get_contents(path, &text, NULL, NULL) &&
           strstr(text, fixture->cert) != NULL;
}

static void
test_certificate_is_renewed(void)
{
    struct fixture fixture;

    set_up(&fixture);
    link_up(&fixture, true);
    g_assert_cmpuint(fixture.renewals, ==, 0); /* seven days are left of seven */
    kill_hostd(&fixture);
    fixture.renew_hours = "8760";
    link_up(&fixture, false);
    wait_until(&fixture, keeps_renewed, "the new certificate is on disk");
    g_assert_cmpuint(fixture.renewals, ==, 1); /* once a link */
    kill_hostd(&fixture);
    fixture.renew_hours = NULL;
    link_up(&fixture, false);
    g_assert_cmpuint(fixture.joins, ==, 1); /* it was admitted with the new one */
    tear_down(&fixture);
}

static void
test_desktop_survives_its_keeper(void)
{
    struct fixture fixture;
    struct vd_process process;
    json_t *stream;
    int streamer;
    gint64 before;

    set_up(&fixture);
    link_up(&fixture, true);
    g_assert_cmpuint(fixture.joins, ==, 1);
    g_assert_cmpstr(text_of(fixture.hello, "host"), ==, "h1");
    g_assert_cmpuint(json_array_size(json_object_get(fixture.observed, "images")), ==, 1);

    desire(&fixture, "running", 2, "any", json_null());
    wait_until(&fixture, is_ready, "the desktop is ready");
    process = machine_process(&fixture);
    wait_until(&fixture, has_streamer, "it has a streamer");

    /* An order to dial somewhere where nobody listens. */
    stream =
        json_pack("{s:s, s:s, s:s, s:s}", "id", "st-00000001", "url", "wss://127.0.0.1:9/uplink",
                  "token", fixture.token, "ca", fixture.ca.cert_pem);
    desire(&fixture, "running", 2, "any", json_incref(stream));
    wait_until(&fixture, is_dialling, "its streamer dials");
    streamer = streamer_pid(&fixture);

    kill_hostd(&fixture);
    g_assert_true(vd_process_is_alive(process));
    before = g_get_monotonic_time();
    link_up(&fixture, false);
    g_test_message("adopted and reported after %" G_GINT64_FORMAT " ms",
                   (g_get_monotonic_time() - before) / 1000);
    g_assert_cmpuint(fixture.joins, ==, 1);
    g_assert_true(is_ready(&fixture)); /* the very first report already says so */
    g_assert_cmpint(machine_process(&fixture).pid, ==, process.pid);
    g_assert_cmpint(streamer_pid(&fixture), ==, streamer);

    /* A dead streamer is replaced; the spent token is not tried again. */
    desire(&fixture, "running", 2, "any", json_incref(stream));
    g_assert_cmpint(kill(streamer, SIGKILL), ==, 0);
    wait_until(&fixture, is_lost, "the stream is lost");
    while (streamer_pid(&fixture) == streamer) {
        g_main_context_iteration(NULL, FALSE);
        g_usleep(1000);
    }
    json_decref(stream);

    /* An order from the past changes nothing, not even after the one that follows it came. */
    desire(&fixture, "gone", 1, "any", json_null());
    desire(&fixture, "running", 3, "any", json_null());
    fixture.reports = 0;
    while (fixture.reports == 0) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_true(is_ready(&fixture));
    g_assert_true(vd_process_is_alive(process));

    desire(&fixture, "gone", 3, "any", json_null());
    wait_until(&fixture, is_gone, "the desktop is gone");
    g_assert_false(vd_process_is_alive(process));
    send_json(fixture.host, json_pack("{s:s, s:i, s:[]}", "type", "desired", "seq", 9, "desktops"));
    wait_until(&fixture, is_absent, "the desktop is forgotten");
    g_assert_false(g_file_test(fixture.desktop, G_FILE_TEST_EXISTS));
    tear_down(&fixture);
}

static void
test_refusals_and_leftovers(void)
{
    struct fixture fixture;
    g_autofree char *orphan = NULL;
    g_autofree char *file = NULL;

    set_up(&fixture);
    orphan = g_build_filename(fixture.state, "desktops", "d-00000009", NULL);
    file = g_build_filename(orphan, "machine.log", NULL);
    g_assert_cmpint(vd_mkdir_all(orphan, 0700), ==, 0);
    g_assert_true(g_file_set_contents(file, "x", -1, NULL));
    link_up(&fixture, true);
    g_assert_false(g_file_test(orphan, G_FILE_TEST_EXISTS));

    /* Never heard of: as good as gone. */
    desire(&fixture, "gone", 1, "any", json_null());
    wait_until(&fixture, is_gone, "the unknown desktop is gone");
    send_json(fixture.host, json_pack("{s:s, s:i, s:[]}", "type", "desired", "seq", 2, "desktops"));
    wait_until(&fixture, is_absent, "it is forgotten");

    if (strcmp(text_of(json_object_get(fixture.hello, "accel"), "kind"), "tcg") == 0) {
        desire(&fixture, "running", 1, "kvm", json_null());
        wait_until(&fixture, is_failed, "a desktop that must have KVM is refused");
        g_assert_cmpstr(text_of(seen(&fixture), "text"), ==,
                        text_of(json_object_get(fixture.hello, "accel"), "text"));
        desire(&fixture, "gone", 1, "kvm", json_null());
        wait_until(&fixture, is_gone, "it is gone");
    }
    tear_down(&fixture);
}

int
main(int argc, char **argv)
{
    g_autofree char *engine = g_find_program_in_path(ENGINE);

    g_test_init(&argc, &argv, NULL);
    if (engine == NULL) {
        g_print("1..0 # SKIP " ENGINE " is not installed\n");
        return 0;
    }
    g_test_add_func("/hostd/certificate-is-renewed", test_certificate_is_renewed);
    g_test_add_func("/hostd/desktop-survives-its-keeper", test_desktop_survives_its_keeper);
    g_test_add_func("/hostd/refusals-and-leftovers", test_refusals_and_leftovers);
    return g_test_run();
}
