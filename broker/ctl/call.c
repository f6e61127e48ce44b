/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/ctl/ctl.h"
#include "protocol/base/fd.h"
#include "protocol/link/channel.h"

#define CALL_MS 15000u

int
ctl_usage(const char *text)
{
    fprintf(stderr, "vedettectl: %s; 'vedettectl --help' lists the verbs\n", text);
    return CTL_USAGE;
}

const char *
ctl_text(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

json_int_t
ctl_number(json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

void
ctl_print_json(json_t *object)
{
    char *text;

    (void)json_object_del(object, "type");
    text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    if (text != NULL) {
        puts(text);
        free(text);
    }
}

/* Says what is wrong; under --json also as an object for the program that asked. */
static void
complain(const struct ctl *ctl, const char *code, const char *text)
{
    if (ctl->json) {
        json_t *error = json_pack("{s:s,s:s}", "error", code, "text", text);

        ctl_print_json(error);
        json_decref(error);
    }
    fprintf(stderr, "vedettectl: %s\n", text);
}

/* Nobody listens, or we may not ask: both have a remedy. */
static void
complain_unreachable(const struct ctl *ctl, const char *path, int error)
{
    g_autofree char *text = NULL;

    if (error == -EACCES || error == -EPERM) {
        text = g_strdup_printf("only root may talk to the broker of %s; use sudo", ctl->state);
    } else {
        text = g_strdup_printf(
            "the broker of %s is not running (%s: %s); start it with 'vedettectl --state "
            "%s --config %s up'",
            ctl->state, path, g_strerror(-error), ctl->state, ctl->config);
    }
    complain(ctl, "unreachable", text);
}

static void
print_errors(const struct ctl *ctl, json_t *reply)
{
    json_t *errors = json_object_get(reply, "errors");
    size_t i;
    json_t *item;

    if (ctl->json) {
        (void)json_object_set_new(reply, "error", json_string(ctl_text(reply, "code")));
        ctl_print_json(reply);
    }
    json_array_foreach(errors, i, item)
    {
        fprintf(stderr, "%s\n", json_is_string(item) ? json_string_value(item) : "?");
    }
    if (json_array_size(errors) > 0) {
        fprintf(stderr, "vedettectl: %zu %s; what runs is unchanged\n", json_array_size(errors),
                json_array_size(errors) == 1 ? "mistake" : "mistakes");
        return;
    }
    fprintf(stderr, "vedettectl: %s\n",
            *ctl_text(reply, "text") != '\0' ? ctl_text(reply, "text") : "the broker refused");
}

json_t *
ctl_call(const struct ctl *ctl, json_t *request)
{
    g_autofree char *path = g_build_filename(ctl->state, "run", "broker.sock", NULL);
    g_autoptr(GError) error = NULL;
    int fd = vdp_channel_connect(path);
    json_t *reply;

    if (fd < 0) {
        json_decref(request);
        complain_unreachable(ctl, path, fd);
        return NULL;
    }
    reply = vdp_channel_call(fd, request, CALL_MS, &error);
    vd_fd_clear(&fd);
    if (reply == NULL) {
        g_autofree char *text = g_strdup_printf(
            "the broker did not answer: %s; its log is where 'vedettectl up' runs", error->message);

        complain(ctl, "no-answer", text);
        return NULL;
    }
    if (strcmp(ctl_text(reply, "type"), "reply") != 0) {
        print_errors(ctl, reply);
        json_decref(reply);
        return NULL;
    }
    if (ctl->json) {
        ctl_print_json(reply);
    }
    return reply;
}
