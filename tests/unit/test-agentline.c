/* SPDX-License-Identifier: Apache-2.0 */
/* The line to a guest's agent, with a guest that says what the test says. */
#include "hostd/kvm/agent.h"

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostd/kvm/socket.h"
#include "protocol/base/fd.h"

#define NAME    "agent.sock"
#define WAIT_US (20 * G_USEC_PER_SEC)
#define LINE    256

struct fixture {
    char *root;
    int folder, listener, guest; /* guest: its end of the line, -1 while it is cut */
    struct kvm_agent *agent;
    unsigned hellos, readies, identities;
};

static void
on_hello(struct kvm_agent *agent G_GNUC_UNUSED, void *user_data)
{
    ((struct fixture *)user_data)->hellos++;
}

static void
on_ready(struct kvm_agent *agent G_GNUC_UNUSED, void *user_data)
{
    ((struct fixture *)user_data)->readies++;
}

static void
on_identity(struct kvm_agent *agent G_GNUC_UNUSED, const json_t *answer G_GNUC_UNUSED,
            void *user_data)
{
    ((struct fixture *)user_data)->identities++;
}

static void
on_account(struct kvm_agent *agent G_GNUC_UNUSED, const json_t *answer G_GNUC_UNUSED,
           void *user_data G_GNUC_UNUSED)
{
}

static void
on_synced(struct kvm_agent *agent G_GNUC_UNUSED, void *user_data G_GNUC_UNUSED)
{
}

static const struct kvm_agent_events events = {.hello = on_hello,
                                               .ready = on_ready,
                                               .identity = on_identity,
                                               .account = on_account,
                                               .synced = on_synced};

static void
set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->root = g_dir_make_tmp("vedette-agent-XXXXXX", NULL);
    f->folder = open(f->root, O_DIRECTORY | O_CLOEXEC);
    f->listener = kvm_socket_listen(f->folder, NAME);
    f->guest = -1;
    g_assert_cmpint(f->listener, >=, 0);
    f->agent = kvm_agent_new(f->folder, NAME, &events, f);
}

static void
tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    kvm_agent_free(f->agent);
    vd_fd_clear(&f->guest);
    vd_fd_clear(&f->listener);
    g_assert_cmpint(unlinkat(f->folder, NAME, 0), ==, 0);
    vd_fd_clear(&f->folder);
    g_assert_cmpint(g_rmdir(f->root), ==, 0);
    g_free(f->root);
}

static gboolean
wake(gpointer user_data G_GNUC_UNUSED)
{
    return G_SOURCE_CONTINUE;
}

/* Runs the loop until fd can be read. */
static void
wait_for_fd(int fd)
{
    gint64 deadline = g_get_monotonic_time() + WAIT_US;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    guint source = g_timeout_add(5, wake, NULL);

    while (poll(&ready, 1, 0) == 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(source);
}

static void
wait_for_count(const unsigned *count, unsigned wanted)
{
    gint64 deadline = g_get_monotonic_time() + WAIT_US;
    guint source = g_timeout_add(5, wake, NULL);

    while (*count < wanted) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(source);
    g_assert_cmpuint(*count, ==, wanted);
}

static void
say(struct fixture *f, const char *line)
{
    g_assert_cmpint(send(f->guest, line, strlen(line), MSG_NOSIGNAL), ==, (int)strlen(line));
}

/* A host end has come, and asks. */
static void
take_call(struct fixture *f)
{
    char line[LINE] = "";

    wait_for_fd(f->listener);
    f->guest = accept(f->listener, NULL, NULL);
    g_assert_cmpint(f->guest, >=, 0);
    wait_for_fd(f->guest);
    g_assert_cmpint(recv(f->guest, line, sizeof(line) - 1, 0), >, 0);
    g_assert_cmpstr(line, ==, "{\"type\":\"ping\"}\n");
}

/* The host end goes; what it still says is not heard. */
static void
expect_cut(struct fixture *f)
{
    char line[LINE];
    ssize_t size;

    do {
        wait_for_fd(f->guest);
        size = recv(f->guest, line, sizeof(line), 0);
    } while (size > 0);
    vd_fd_clear(&f->guest);
}

static void
test_answers_come_before_the_cut(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    take_call(f);
    say(f, "{\"type\":\"pong\",\"ready\":true}\n"); /* it never saw that somebody else came */
    wait_for_count(&f->readies, 1);
    g_assert_false(kvm_agent_has_greeted(f->agent));
    say(f, "{\"type\":\"identity\"}\n");
    wait_for_count(&f->identities, 1); /* on the same line, however long it takes */

    kvm_agent_introduce(f->agent);
    expect_cut(f);
    take_call(f);
    say(f, "{\"type\":\"pong\",\"ready\":true}\n"); /* too short for it */
    expect_cut(f);
    take_call(f);
    say(f, "{\"type\":\"hello\",\"renews\":true}\n{\"type\":\"pong\",\"ready\":true}\n");
    wait_for_count(&f->hellos, 1);
    g_assert_true(kvm_agent_has_greeted(f->agent));
    g_assert_true(kvm_agent_renews(f->agent));
    kvm_agent_introduce(f->agent);
    say(f, "{\"type\":\"identity\"}\n");
    wait_for_count(&f->identities, 2); /* and it is not cut any more */
    g_assert_cmpuint(f->readies, ==, 1);
}

static void
test_flush(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    char line[LINE] = "";

    g_assert_false(kvm_agent_flush(f->agent)); /* nobody is there */
    g_assert_false(kvm_agent_flush(NULL));
    take_call(f);
    say(f, "{\"type\":\"hello\",\"syncs\":true}\n");
    wait_for_count(&f->hellos, 1);
    g_assert_true(kvm_agent_flush(f->agent));
    wait_for_fd(f->guest);
    g_assert_cmpint(recv(f->guest, line, sizeof(line) - 1, 0), >, 0);
    g_assert_cmpstr(line, ==, "{\"type\":\"flush\"}\n");
}

int
main(int argc, char **argv)
{
#define ADD(name, fn) g_test_add("/agentline/" name, struct fixture, NULL, set_up, fn, tear_down)
    g_test_init(&argc, &argv, NULL);
    ADD("answers-come-before-the-cut", test_answers_come_before_the_cut);
    ADD("flush", test_flush);
    return g_test_run();
}
