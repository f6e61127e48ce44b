/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/input.h"

#include <string.h>

#include "protocol/base/log.h"

#define MAX_MOTION 32767 /* each way; a streamer adds up no more */
#define MAX_PLACE  16384 /* pixels */
#define MAX_AXIS   32767 /* of QEMU's tablet */

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
take_number(const json_t *message, const char *name, int least, int most)
{
    json_int_t value = json_integer_value(json_object_get(message, name));

    return (int)CLAMP(value, least, most);
}

/* A streamer waits for the answer before it tells the next one; of one that does not they are
 * lost. */
static void
take_motion(struct hostd_input *input, struct vdp_channel_conn *conn, const json_t *message)
{
    if (input->conn != NULL) {
        return;
    }
    if (kvm_machine_move(input->machine, take_number(message, "dx", -MAX_MOTION, MAX_MOTION),
                         take_number(message, "dy", -MAX_MOTION, MAX_MOTION), on_moved, input)) {
        input->conn = conn;
    } else {
        say_moved(conn);
    }
}

static void
take_point(struct hostd_input *input, struct vdp_channel_conn *conn, const json_t *message)
{
    if (input->conn != NULL) {
        return;
    }
    if (kvm_machine_point(input->machine, take_number(message, "x", 0, MAX_AXIS),
                          take_number(message, "y", 0, MAX_AXIS), on_moved, input)) {
        input->conn = conn;
    } else {
        say_moved(conn);
    }
}

/* Pairs of numbers and nothing else reach the guest. */
static void
take_places(struct hostd_input *input, const json_t *message)
{
    const json_t *list = json_object_get(message, "at");
    GString *places = g_string_new(NULL);
    size_t i;

    for (i = 0; i < json_array_size(list) && i < KVM_SPEC_HEADS; i++) {
        const json_t *pair = json_array_get(list, i);
        json_int_t x = json_integer_value(json_array_get(pair, 0));
        json_int_t y = json_integer_value(json_array_get(pair, 1));

        g_string_append_printf(places, "%s%d,%d", i > 0 ? " " : "", (int)CLAMP(x, 0, MAX_PLACE),
                               (int)CLAMP(y, 0, MAX_PLACE));
    }
    if (places->len > 0) {
        kvm_machine_place(input->machine, places->str);
    }
    g_string_free(places, TRUE);
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
    if (g_strcmp0(type, "monitors") == 0) {
        take_places(input, message);
        return true;
    }
    if (g_strcmp0(type, "point") == 0) {
        take_point(input, conn, message);
        return true;
    }
    return false;
}
