/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/agent.h"

#include <errno.h>
#include <glib-unix.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>

#include "hostd/kvm/socket.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define RETRY_MS     500
#define GREET_MS     100 /* that a line is cut at first for a guest that did not see us come */
#define GREET_MAX_MS 5000

struct kvm_agent {
    int folder;
    const char *name;
    const struct kvm_agent_events *events;
    void *user_data;
    int fd;
    guint reader, retry, report, greeting;
    char line[KVM_AGENT_MAX_LINE];
    size_t used;
    bool skipping;                /* inside a line that is too long */
    bool ready, reported;         /* the guest said so; the owner was told */
    bool renews, syncs, signs_in; /* what the guest's agent knows how to do */
    bool greeted, cutting;        /* it has said hello; the line is cut until it does */
    unsigned cut_ms;
    bool hello, synced;         /* which the owner has not seen yet, */
    json_t *identity, *account; /* as these answers */
    char *places;               /* the line that says where monitors are wanted, or NULL */
};

static gboolean try_connect(gpointer user_data);

static bool
say(struct kvm_agent *agent, const char *text)
{
    /* A guest that reads nothing fills the socket; what does not fit is not worth waiting for. */
    return agent->fd >= 0 && send(agent->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) ==
                                 (ssize_t)strlen(text);
}

static void
hang_up(struct kvm_agent *agent)
{
    if (agent->reader != 0) {
        g_source_remove(agent->reader);
        agent->reader = 0;
    }
    vd_fd_clear(&agent->fd);
    agent->used = 0;
    agent->skipping = false;
    if (agent->retry == 0) {
        agent->retry = g_timeout_add(RETRY_MS, try_connect, agent);
    }
}

/* Each time for longer, until its guest has had time enough to see it. */
static gboolean
on_no_hello(gpointer user_data)
{
    struct kvm_agent *agent = user_data;

    agent->greeting = 0;
    if (agent->fd >= 0) {
        hang_up(agent);
        g_source_remove(agent->retry);
        agent->retry = g_timeout_add(agent->cut_ms, try_connect, agent);
        agent->cut_ms = MIN(2 * agent->cut_ms, GREET_MAX_MS);
    }
    return G_SOURCE_REMOVE;
}

/* Its hello comes before its answer to anything else, or hardly after it. */
static void
expect_hello(struct kvm_agent *agent)
{
    if (agent->cutting && !agent->greeted && agent->greeting == 0) {
        agent->greeting = g_timeout_add(GREET_MS, on_no_hello, agent);
    }
}

void
kvm_agent_introduce(struct kvm_agent *agent)
{
    if (agent != NULL && !agent->cutting) {
        agent->cutting = true;
        agent->cut_ms = GREET_MS;
        expect_hello(agent);
    }
}

static void
take_hello(struct kvm_agent *agent, const json_t *message)
{
    agent->renews = json_is_true(json_object_get(message, "renews"));
    agent->syncs = json_is_true(json_object_get(message, "syncs"));
    agent->signs_in = json_is_true(json_object_get(message, "accounts"));
    agent->hello = agent->greeted = true;
    if (agent->greeting != 0) {
        g_source_remove(agent->greeting);
        agent->greeting = 0;
    }
}

static void
take_line(struct kvm_agent *agent)
{
    json_t *message = json_loadb(agent->line, agent->used, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(message, "type"));

    if (type == NULL) {
        vd_debug("agent", "a line that is no message");
    } else if (strcmp(type, "ready") == 0) {
        agent->ready = true;
    } else if (strcmp(type, "pong") == 0) {
        agent->ready = agent->ready || json_is_true(json_object_get(message, "ready"));
        expect_hello(agent);
    } else if (strcmp(type, "hello") == 0) {
        take_hello(agent, message);
        if (agent->places != NULL) {
            (void)say(agent, agent->places);
        }
    } else if (strcmp(type, "synced") == 0) {
        agent->synced = true;
    } else if (strcmp(type, "identity") == 0) {
        json_decref(agent->identity);
        agent->identity = json_incref(message);
    } else if (strcmp(type, "account") == 0) {
        json_decref(agent->account);
        agent->account = json_incref(message);
    }
    json_decref(message);
}

static void
take(struct kvm_agent *agent, const char *data, size_t size)
{
    size_t i;

    for (i = 0; i < size; i++) {
        if (data[i] == '\n') {
            if (!agent->skipping) {
                take_line(agent);
            }
            agent->used = 0;
            agent->skipping = false;
        } else if (agent->used == sizeof(agent->line)) {
            agent->skipping = true;
        } else {
            agent->line[agent->used++] = data[i];
        }
    }
}

/* What the owner has not seen yet, in the order in which it wants to hear it. */
enum news { NEWS_NONE, NEWS_HELLO, NEWS_READY, NEWS_IDENTITY, NEWS_ACCOUNT, NEWS_SYNCED };

static enum news
next_news(const struct kvm_agent *agent)
{
    return agent->hello                       ? NEWS_HELLO
           : agent->ready && !agent->reported ? NEWS_READY
           : agent->identity != NULL          ? NEWS_IDENTITY
           : agent->account != NULL           ? NEWS_ACCOUNT
           : agent->synced                    ? NEWS_SYNCED
                                              : NEWS_NONE;
}

/* The answer that belongs to it, for json_decref(), or NULL; it is news no more. */
static json_t *
take_news(struct kvm_agent *agent, enum news news)
{
    switch (news) {
    case NEWS_HELLO:
        agent->hello = false;
        break;
    case NEWS_READY:
        agent->reported = true;
        break;
    case NEWS_IDENTITY:
        return g_steal_pointer(&agent->identity);
    case NEWS_ACCOUNT:
        return g_steal_pointer(&agent->account);
    case NEWS_SYNCED:
        agent->synced = false;
        break;
    case NEWS_NONE:
        break;
    }
    return NULL;
}

/* The agent may be freed memory afterwards. */
static void
tell(struct kvm_agent *agent, enum news news, const json_t *answer)
{
    switch (news) {
    case NEWS_HELLO:
        agent->events->hello(agent, agent->user_data);
        break;
    case NEWS_READY:
        agent->events->ready(agent, agent->user_data);
        break;
    case NEWS_IDENTITY:
        agent->events->identity(agent, answer, agent->user_data);
        break;
    case NEWS_ACCOUNT:
        agent->events->account(agent, answer, agent->user_data);
        break;
    case NEWS_SYNCED:
        agent->events->synced(agent, agent->user_data);
        break;
    case NEWS_NONE:
        break;
    }
}

/* One thing at a time, because the owner may free the agent. */
static gboolean
on_report(gpointer user_data)
{
    struct kvm_agent *agent = user_data;
    enum news news = next_news(agent);
    json_t *answer = take_news(agent, news);
    bool more = next_news(agent) != NEWS_NONE;

    if (!more) {
        agent->report = 0;
    }
    tell(agent, news, answer);
    json_decref(answer);
    return more ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean
on_readable(gint fd, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
    struct kvm_agent *agent = user_data;
    char data[4096];
    ssize_t size = recv(fd, data, sizeof(data), MSG_DONTWAIT);

    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return G_SOURCE_CONTINUE;
    }
    if (size <= 0) {
        agent->reader = 0;
        hang_up(agent);
        return G_SOURCE_REMOVE;
    }
    take(agent, data, (size_t)size);
    if (agent->report == 0 && next_news(agent) != NEWS_NONE) {
        agent->report = g_idle_add_full(G_PRIORITY_DEFAULT, on_report, agent, NULL);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean
try_connect(gpointer user_data)
{
    struct kvm_agent *agent = user_data;

    agent->fd = kvm_socket_connect(agent->folder, agent->name);
    agent->retry = 0;
    if (agent->fd < 0) {
        agent->fd = -1;
        agent->retry = g_timeout_add(RETRY_MS, try_connect, agent);
        return G_SOURCE_REMOVE;
    }
    agent->reader = g_unix_fd_add(agent->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, agent);
    (void)say(agent, "{\"type\":\"ping\"}\n"); /* its answer says whether it is ready */
    return G_SOURCE_REMOVE;
}

struct kvm_agent *
kvm_agent_new(int folder, const char *name, const struct kvm_agent_events *events, void *user_data)
{
    struct kvm_agent *agent = g_new0(struct kvm_agent, 1);

    agent->folder = folder;
    agent->name = name;
    agent->events = events;
    agent->user_data = user_data;
    agent->fd = -1;
    agent->retry = g_timeout_add(0, try_connect, agent);
    return agent;
}

void
kvm_agent_free(struct kvm_agent *agent)
{
    if (agent == NULL) {
        return;
    }
    if (agent->reader != 0) {
        g_source_remove(agent->reader);
    }
    if (agent->retry != 0) {
        g_source_remove(agent->retry);
    }
    if (agent->report != 0) {
        g_source_remove(agent->report);
    }
    if (agent->greeting != 0) {
        g_source_remove(agent->greeting);
    }
    vd_fd_clear(&agent->fd);
    json_decref(agent->identity);
    json_decref(agent->account);
    g_free(agent->places);
    g_free(agent);
}

bool
kvm_agent_type(struct kvm_agent *agent, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    GString *line = g_string_new("{\"type\":\"text\",\"utf8\":\"");
    size_t size = strlen(text);
    size_t i;
    bool said;

    /* As hexadecimal numbers: the guest's reader of messages knows no escapes. */
    for (i = 0; i < size && size <= KVM_AGENT_MAX_TEXT; i++) {
        g_string_append_c(line, digits[(unsigned char)text[i] >> 4]);
        g_string_append_c(line, digits[text[i] & 15]);
    }
    g_string_append(line, "\"}\n");
    said = agent != NULL && size <= KVM_AGENT_MAX_TEXT && say(agent, line->str);
    g_string_free(line, TRUE);
    return said;
}

void
kvm_agent_place(struct kvm_agent *agent, const char *places)
{
    if (agent != NULL && strlen(places) < KVM_AGENT_MAX_PLACES) {
        g_free(agent->places);
        agent->places = g_strdup_printf("{\"type\":\"monitors\",\"at\":\"%s\"}\n", places);
        (void)say(agent, agent->places);
    }
}

bool
kvm_agent_renews(const struct kvm_agent *agent)
{
    return agent->renews;
}

bool
kvm_agent_identify(struct kvm_agent *agent, const char *order)
{
    return agent != NULL && say(agent, order);
}

bool
kvm_agent_signs_in(const struct kvm_agent *agent)
{
    return agent->signs_in;
}

bool
kvm_agent_sign_in(struct kvm_agent *agent, const char *order)
{
    return say(agent, order);
}

bool
kvm_agent_sync(struct kvm_agent *agent)
{
    return agent != NULL && agent->syncs && say(agent, "{\"type\":\"sync\"}\n");
}

bool
kvm_agent_has_greeted(const struct kvm_agent *agent)
{
    return agent != NULL && agent->greeted;
}

bool
kvm_agent_flush(struct kvm_agent *agent)
{
    return agent != NULL && agent->syncs && say(agent, "{\"type\":\"flush\"}\n");
}

bool
kvm_agent_power_off(struct kvm_agent *agent)
{
    return agent != NULL && say(agent, "{\"type\":\"poweroff\"}\n");
}
