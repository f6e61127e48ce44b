/* SPDX-License-Identifier: Apache-2.0 */
/* qmp against a fake machine: the other end of a socketpair, driven by the test itself. */
#include "hostd/kvm/qmp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/kvm/qmp-parse.h"
#include "hostd/kvm/socket.h"
#include "protocol/base/fd.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"

struct fixture {
    struct kvm_qmp *qmp;
    int far;
    unsigned ready, closed, events, replies;
    char *closed_text, *reply_text, *event_name;
    json_t *result;
    bool free_in_ready, free_in_reply;
};

static void
on_ready(struct kvm_qmp *qmp, void *user_data)
{
    struct fixture *fixture = user_data;

    fixture->ready++;
    if (fixture->free_in_ready) {
        kvm_qmp_free(qmp);
        fixture->qmp = NULL;
    }
}

static void
on_event(struct kvm_qmp *qmp G_GNUC_UNUSED, const char *name, json_t *data G_GNUC_UNUSED,
         void *user_data)
{
    struct fixture *fixture = user_data;

    fixture->events++;
    g_free(fixture->event_name);
    fixture->event_name = g_strdup(name);
}

static void
on_closed(struct kvm_qmp *qmp, const char *text, void *user_data)
{
    struct fixture *fixture = user_data;

    fixture->closed++;
    g_free(fixture->closed_text);
    fixture->closed_text = g_strdup(text);
    kvm_qmp_free(qmp);
    fixture->qmp = NULL;
}

static const struct kvm_qmp_events events = {on_ready, on_event, on_closed};

static void
on_reply(struct kvm_qmp *qmp, json_t *result, const char *text, void *user_data)
{
    struct fixture *fixture = user_data;

    fixture->replies++;
    json_decref(fixture->result);
    fixture->result = json_incref(result);
    g_free(fixture->reply_text);
    fixture->reply_text = g_strdup(text);
    if (fixture->free_in_reply) {
        kvm_qmp_free(qmp);
        fixture->qmp = NULL;
    }
}

static void
open_fixture(struct fixture *fixture, unsigned greeting_ms)
{
    int ends[2];

    memset(fixture, 0, sizeof(*fixture));
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), ==,
                    0);
    fixture->far = ends[1];
    fixture->qmp = kvm_qmp_new(ends[0], greeting_ms, &events, fixture);
}

static void
close_fixture(struct fixture *fixture)
{
    kvm_qmp_free(fixture->qmp);
    vd_fd_clear(&fixture->far);
    g_free(fixture->closed_text);
    g_free(fixture->reply_text);
    g_free(fixture->event_name);
    json_decref(fixture->result);
}

static void
say(struct fixture *fixture, const char *text)
{
    size_t size = strlen(text);

    while (size > 0) {
        ssize_t sent = send(fixture->far, text, size, MSG_NOSIGNAL);

        if (sent > 0) {
            text += sent;
            size -= (size_t)sent;
        } else if (fixture->closed == 0) {
            g_main_context_iteration(NULL, FALSE);
        } else {
            return;
        }
    }
}

/* Runs the loop until the machine's side has heard one line; g_free(). */
static char *
hear(struct fixture *fixture)
{
    g_autoptr(GString) line = g_string_new(NULL);
    char byte;

    while (line->len == 0 || line->str[line->len - 1] != '}') {
        if (recv(fixture->far, &byte, 1, 0) == 1) {
            g_string_append_c(line, byte);
            /* Commands are one object; nesting is closed when the brackets are even. */
            if (byte == '}') {
                json_t *object = json_loads(line->str, 0, NULL);

                if (object == NULL) {
                    g_string_append_c(line, ' ');
                }
                json_decref(object);
            }
        } else {
            g_main_context_iteration(NULL, FALSE);
        }
    }
    return g_string_free(g_steal_pointer(&line), FALSE);
}

static void
wait_for(unsigned *counter)
{
    while (*counter == 0) {
        g_main_context_iteration(NULL, TRUE);
    }
}

static void
make_ready(struct fixture *fixture)
{
    g_autofree char *command = NULL;

    say(fixture, GREETING);
    command = hear(fixture);
    g_assert_nonnull(strstr(command, "\"qmp_capabilities\""));
    say(fixture, "{\"return\": {}, \"id\": 1}\r\n");
    wait_for(&fixture->ready);
}

static void
test_ready_then_command_event_and_end(void)
{
    struct fixture fixture;
    g_autofree char *command = NULL;

    open_fixture(&fixture, 2000);
    make_ready(&fixture);
    kvm_qmp_command(fixture.qmp, "query-uuid", NULL, -1, 2000, on_reply, &fixture);
    command = hear(&fixture);
    g_assert_cmpstr(command, ==, "{\"execute\":\"query-uuid\",\"id\":2}");
    /* An event in between and an answer that nobody asked for. */
    say(&fixture, "{\"event\": \"RESUME\", \"data\": {}}\n{\"return\": {}, \"id\": 99}\n");
    say(&fixture, "{\"return\": {\"UUID\": \"x\"}, \"id\": 2}\n");
    wait_for(&fixture.replies);
    g_assert_cmpstr(fixture.event_name, ==, "RESUME");
    g_assert_cmpstr(json_string_value(json_object_get(fixture.result, "UUID")), ==, "x");
    vd_fd_clear(&fixture.far);
    wait_for(&fixture.closed);
    g_assert_cmpuint(fixture.replies, ==, 1);
    close_fixture(&fixture);
}

static void
test_failure_carries_the_monitors_words(void)
{
    struct fixture fixture;
    g_autofree char *command = NULL;

    open_fixture(&fixture, 2000);
    make_ready(&fixture);
    kvm_qmp_command(fixture.qmp, "quit", json_pack("{s:i}", "a", 1), -1, 2000, on_reply, &fixture);
    command = hear(&fixture);
    g_assert_nonnull(strstr(command, "\"arguments\":{\"a\":1}"));
    say(&fixture, "{\"id\": 2, \"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}}\n");
    wait_for(&fixture.replies);
    g_assert_null(fixture.result);
    g_assert_cmpstr(fixture.reply_text, ==, "not now");
    close_fixture(&fixture);
}

static void
test_descriptor_rides_along(void)
{
    struct fixture fixture;
    char data[256], control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {data, sizeof(data)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    struct stat sent, received;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int fd;

    open_fixture(&fixture, 2000);
    make_ready(&fixture);
    kvm_qmp_command(fixture.qmp, "getfd", json_pack("{s:s}", "fdname", "d"), null, 2000, on_reply,
                    &fixture);
    g_assert_cmpint(recvmsg(fixture.far, &message, 0), >, 0);
    g_assert_nonnull(CMSG_FIRSTHDR(&message));
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
    g_assert_cmpint(fstat(null, &sent), ==, 0);
    g_assert_cmpint(fstat(fd, &received), ==, 0);
    g_assert_cmpuint(sent.st_rdev, ==, received.st_rdev);
    close(fd);
    close(null);
    close_fixture(&fixture);
}

static void
test_other_greeting_closes(void)
{
    struct fixture fixture;

    open_fixture(&fixture, 2000);
    say(&fixture, "SSH-2.0-OpenSSH_9.2\r\n");
    wait_for(&fixture.closed);
    g_assert_cmpstr(fixture.closed_text, ==, "not a QMP greeting");
    g_assert_cmpuint(fixture.ready, ==, 0);
    close_fixture(&fixture);
}

static void
test_silence_ends_at_the_deadline(void)
{
    struct fixture fixture;

    open_fixture(&fixture, 50);
    wait_for(&fixture.closed);
    g_assert_cmpstr(fixture.closed_text, ==, "no greeting in time");
    close_fixture(&fixture);
}

static void
test_nobody_listening_is_reported_from_the_loop(void)
{
    struct fixture fixture = {.far = -1};
    g_autofree char *path = g_dir_make_tmp("vedette-qmp-XXXXXX", NULL);
    g_autofree char *name = g_build_filename(path, "qmp.sock", NULL);
    int folder = open(path, O_DIRECTORY | O_CLOEXEC);
    int listener = kvm_socket_listen(folder, "qmp.sock");
    struct stat status;

    g_assert_cmpint(listener, >=, 0);
    g_assert_cmpint(stat(name, &status), ==, 0);
    g_assert_cmpuint(status.st_mode & 0777, ==, 0600);
    close(listener);
    fixture.qmp = kvm_qmp_new(kvm_socket_connect(folder, "qmp.sock"), 2000, &events, &fixture);
    g_assert_cmpuint(fixture.closed, ==, 0);
    kvm_qmp_command(fixture.qmp, "quit", NULL, -1, 2000, on_reply, &fixture);
    wait_for(&fixture.closed);
    g_assert_cmpstr(fixture.closed_text, ==, g_strerror(ECONNREFUSED));
    g_assert_cmpuint(fixture.replies, ==, 1);
    g_assert_cmpint(unlink(name), ==, 0);
    g_assert_cmpint(rmdir(path), ==, 0);
    close(folder);
    close_fixture(&fixture);
}

static void
test_hung_machine_costs_the_command_its_time_only(void)
{
    struct fixture fixture;

    open_fixture(&fixture, 2000);
    make_ready(&fixture);
    kvm_qmp_command(fixture.qmp, "query-status", NULL, -1, 40, on_reply, &fixture);
    wait_for(&fixture.replies);
    g_assert_cmpstr(fixture.reply_text, ==, "no answer within 40 ms");
    g_assert_cmpuint(fixture.closed, ==, 0);
    /* The late answer finds nobody and hurts nobody. */
    say(&fixture, "{\"return\": {}, \"id\": 2}\n{\"event\": \"STOP\"}\n");
    wait_for(&fixture.events);
    g_assert_cmpuint(fixture.replies, ==, 1);
    close_fixture(&fixture);
}

static void
test_line_without_end_is_cut_off(void)
{
    struct fixture fixture;
    g_autofree char *flood = g_strnfill(KVM_QMP_MAX_LINE + 100000, 'x');

    open_fixture(&fixture, 2000);
    make_ready(&fixture);
    say(&fixture, flood);
    wait_for(&fixture.closed);
    g_assert_cmpstr(fixture.closed_text, ==, "a line that is too long");
    close_fixture(&fixture);
}

static void
test_pending_commands_hear_of_the_end(void)
{
    struct fixture fixture;

    open_fixture(&fixture, 2000);
    make_ready(&fixture);
    kvm_qmp_command(fixture.qmp, "quit", NULL, -1, 2000, on_reply, &fixture);
    say(&fixture, "garbage\n");
    wait_for(&fixture.closed);
    g_assert_cmpuint(fixture.replies, ==, 1);
    g_assert_cmpstr(fixture.reply_text, ==, "a line that is not QMP");
    close_fixture(&fixture);
}

static void
test_free_inside_callbacks_and_while_waiting(void)
{
    struct fixture fixture;

    open_fixture(&fixture, 2000);
    fixture.free_in_ready = true;
    make_ready(&fixture);
    g_assert_null(fixture.qmp);
    close_fixture(&fixture);

    open_fixture(&fixture, 2000);
    make_ready(&fixture);
    fixture.free_in_reply = true;
    kvm_qmp_command(fixture.qmp, "a", NULL, -1, 2000, on_reply, &fixture);
    kvm_qmp_command(fixture.qmp, "b", NULL, -1, 2000, on_reply, &fixture);
    say(&fixture, "{\"return\": {}, \"id\": 2}\n{\"return\": {}, \"id\": 3}\n");
    wait_for(&fixture.replies);
    g_assert_null(fixture.qmp);
    g_assert_cmpuint(fixture.replies, ==, 1);
    close_fixture(&fixture);

    open_fixture(&fixture, 2000);
    close_fixture(&fixture); /* while the greeting is awaited */
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    g_assert_cmpuint(fixture.closed, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qmp/ready-then-command-event-and-end", test_ready_then_command_event_and_end);
    g_test_add_func("/qmp/failure-carries-the-monitors-words",
                    test_failure_carries_the_monitors_words);
    g_test_add_func("/qmp/descriptor-rides-along", test_descriptor_rides_along);
    g_test_add_func("/qmp/other-greeting-closes", test_other_greeting_closes);
    g_test_add_func("/qmp/silence-ends-at-the-deadline", test_silence_ends_at_the_deadline);
    g_test_add_func("/qmp/nobody-listening-is-reported-from-the-loop",
                    test_nobody_listening_is_reported_from_the_loop);
    g_test_add_func("/qmp/hung-machine-costs-the-command-its-time-only",
                    test_hung_machine_costs_the_command_its_time_only);
    g_test_add_func("/qmp/line-without-end-is-cut-off", test_line_without_end_is_cut_off);
    g_test_add_func("/qmp/pending-commands-hear-of-the-end", test_pending_commands_hear_of_the_end);
    g_test_add_func("/qmp/free-inside-callbacks-and-while-waiting",
                    test_free_inside_callbacks_and_while_waiting);
    return g_test_run();
}
