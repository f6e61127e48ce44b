/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/input.h"

#include <string.h>

#include "protocol/base/log.h"

#define MAX_MOTION 32767 /* each way; a streamer adds up no more */

struct hostd_input {
    struct kvm_machine *machine;
    struct vdp_channel_conn *conn; /* that waits for the end of a motion, or NULL */
    bool text_refused;             /* said so */
};

struct hostd_input *
hostd_input_new(struct kvm_machine *machine)
{
    struct hostd_input *input = g_new0(struct hostd_input, 1);

    input->machine = machine;
    return input;
}

void
hostd_input_free(struct hostd_input *input)
{
    if (input != NULL) {
        hostd_input_forget(input);
        g_free(input);
    }
}

void
hostd_input_forget(struct hostd_input *input)
{
    if (input->conn != NULL) {
        kvm_machine_cancel_motion(input->machine);
        input->conn = NULL;
    }
}

/* What somebody wrote for the guest. The wire has checked that it is text; its length is checked
 * here. */
static void
take_text(struct hostd_input *input, const char *text)
{
    bool taken = text != NULL && kvm_machine_type(input->machine, text);

    if (!taken && !input->text_refused) {
        vd_warning("streamer", "%s: its agent does not take text",
                   kvm_machine_record(input->machine)->id);
    }
    input->text_refused = !taken;
}

static void
say_moved(struct vdp_channel_conn *conn)
{
    vdp_channel_send(conn, json_pack("{s:s}", "type", "moved"), -1);
}

static void
on_moved(void *user_data)
{
    struct hostd_input *input = user_data;
    struct vdp_channel_conn *conn = input->conn;

    input->conn = NULL;
    say_moved(conn);
}

static int
take_distance(const json_t *message, const char *axis)
{
    json_int_t value = json_integer_value(json_object_get(message, axis));

    return (int)CLAMP(value, -MAX_MOTION, MAX_MOTION);
}

/* A streamer waits for the answer before it tells the next one; of one that does not they are
 * lost. */
static void
take_motion(struct hostd_input *input, struct vdp_channel_conn *conn, const json_t *message)
{
    if (input->conn != NULL) {
        return;
    }
    if (kvm_machine_move(input->machine, take_distance(message, "dx"), take_distance(message, "dy"),
                         on_moved, input)) {
        input->conn = conn;
    } else {
        say_moved(conn);
    }
}

bool
hostd_input_take(struct hostd_input *input, struct vdp_channel_conn *conn, const json_t *message)
{
    const char *type = json_string_value(json_object_get(message, "type"));

    if (g_strcmp0(type, "text") == 0) {
        take_text(input, json_string_value(json_object_get(message, "text")));
        return true;
    }
    if (g_strcmp0(type, "motion") == 0) {
        take_motion(input, conn, message);
        return true;
    }
    return false;
}
