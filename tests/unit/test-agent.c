/* SPDX-License-Identifier: Apache-2.0 */
/* The line to a guest's agent: what is said again to one that comes anew. */
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
#define LOOK_MS 10 /* between two looks at both ends */
#define HELLO   "{\"type\":\"hello\"}\n"
#define PLACES  "{\"type\":\"monitors\",\"at\":\"0,0 1920,40\"}\n"

struct fixture {
    char *path;
    int folder, listener;
    int far; /* the guest's end */
    struct kvm_agent *agent;
    unsigned hellos;
    GString *heard;
};

static void
on_hello(struct kvm_agent *agent, void *user_data)
{
    (void)agent;
    ((struct fixture *)user_data)->hellos++;
}

static const struct kvm_agent_events events = {.hello = on_hello};

/* Lets the guest's end read what there is. */
static void
hear(struct fixture *fixture)
{
    struct pollfd wait = {.fd = fixture->far, .events = POLLIN};
    char text[256];
    ssize_t size;

    while (g_main_context_iteration(NULL, FALSE)) {
    }
    (void)poll(&wait, 1, LOOK_MS);
    while ((size = recv(fixture->far, text, sizeof(text), MSG_DONTWAIT)) > 0) {
        g_string_append_len(fixture->heard, text, size);
    }
}

/* An agent comes up and says hello; waits until that was taken. */
static void
say_hello(struct fixture *fixture)
{
    unsigned before = fixture->hellos;

    while (fixture->far < 0) {
        g_main_context_iteration(NULL, TRUE);
        fixture->far = accept4(fixture->listener, NULL, NULL, SOCK_CLOEXEC);
    }
    g_assert_cmpint(send(fixture->far, HELLO, strlen(HELLO), MSG_NOSIGNAL), ==,
                    (ssize_t)strlen(HELLO));
    while (fixture->hellos == before) {
        hear(fixture);
    }
}

static void
test_places_are_said_to_each_agent_that_comes(void)
{
    struct fixture fixture = {.far = -1, .heard = g_string_new(NULL)};
    char *many = g_strnfill(KVM_AGENT_MAX_PLACES, '1');

    fixture.path = g_dir_make_tmp("vedette-agent.XXXXXX", NULL);
    fixture.folder = open(fixture.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    fixture.listener = kvm_socket_listen(fixture.folder, NAME);
    g_assert_cmpint(fixture.listener, >=, 0);
    g_assert_cmpint(fcntl(fixture.listener, F_SETFL, O_NONBLOCK), ==, 0);
    fixture.agent = kvm_agent_new(fixture.folder, NAME, &events, &fixture);
    kvm_agent_place(NULL, "0,0");
    say_hello(&fixture);
    g_assert_null(strstr(fixture.heard->str, "monitors"));
    kvm_agent_place(fixture.agent, "0,0 7,7");
    kvm_agent_place(fixture.agent, "0,0 1920,40");
    kvm_agent_place(fixture.agent, many); /* too long: nothing becomes of it */
    while (strstr(fixture.heard->str, PLACES) == NULL) {
        hear(&fixture);
    }
    g_assert_null(strstr(fixture.heard->str, many));
    /* Its guest starts again. */
    vd_fd_clear(&fixture.far);
    g_string_truncate(fixture.heard, 0);
    say_hello(&fixture);
    while (strstr(fixture.heard->str, PLACES) == NULL) {
        hear(&fixture);
    }
    g_assert_null(strstr(fixture.heard->str, "7,7"));
    kvm_agent_free(fixture.agent);
    vd_fd_clear(&fixture.far);
    vd_fd_clear(&fixture.listener);
    unlinkat(fixture.folder, NAME, 0);
    vd_fd_clear(&fixture.folder);
    g_rmdir(fixture.path);
    g_free(fixture.path);
    g_free(many);
    g_string_free(fixture.heard, TRUE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent/places-are-said-to-each-that-comes",
                    test_places_are_said_to_each_agent_that_comes);
    return g_test_run();
}
