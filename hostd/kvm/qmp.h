/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_QMP_H
#define KVM_QMP_H

/*
 * qmp: one control connection to one running machine.
 *
 * Never blocks. Belongs to the thread of the GMainContext that is the default one at creation;
 * every callback runs there, never from inside a function of this API. Any callback may call
 * kvm_qmp_free(). Reports through its callbacks and writes no log above debug level.
 */

#include <gio/gio.h>
#include <jansson.h>
#include <stdbool.h>

#define KVM_QMP_GREETING_MS 2000u
#define KVM_QMP_COMMAND_MS  2000u
#define KVM_QMP_MAX_PENDING 64u /* commands without a reply; one more closes the connection */

struct kvm_qmp;

struct kvm_qmp_events {
    /* The monitor has greeted and takes commands; called once at most. */
    void (*ready)(struct kvm_qmp *qmp, void *user_data);
    /* Something happened in the machine ("SHUTDOWN"); data is borrowed and may be NULL. */
    void (*event)(struct kvm_qmp *qmp, const char *name, json_t *data, void *user_data);
    /* The connection is gone or never came; once at most and last. text is borrowed. */
    void (*closed)(struct kvm_qmp *qmp, const char *text, void *user_data);
};

/*
 * The answer to one command, once: result is borrowed and NULL when it failed, then text says why
 * (borrowed): the monitor's own words, "no answer within 2000 ms", or why the connection ended.
 */
typedef void (*kvm_qmp_reply_fn)(struct kvm_qmp *qmp, json_t *result, const char *text,
                                 void *user_data);

/*
 * Takes ownership of the connected, non-blocking socket fd, or of a negative errno from connecting,
 * which closed() then reports. closed() also follows greeting_ms milliseconds without a greeting.
 * events is borrowed and must outlive the connection. Never NULL.
 */
struct kvm_qmp *kvm_qmp_new(int fd, unsigned greeting_ms, const struct kvm_qmp_events *events,
                            void *user_data);

/* Closes; no callback runs afterwards, pending commands are forgotten. Accepts NULL. */
void kvm_qmp_free(struct kvm_qmp *qmp);

/*
 * Sends a command. arguments (reference stolen) may be NULL. With fd >= 0 a duplicate of it rides
 * along. reply may be NULL. Before ready the reply is a failure.
 */
void kvm_qmp_command(struct kvm_qmp *qmp, const char *name, json_t *arguments, int fd,
                     unsigned timeout_ms, kvm_qmp_reply_fn reply, void *user_data);

typedef struct kvm_qmp kvm_qmp; /* for g_autoptr() only */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(kvm_qmp, kvm_qmp_free)

#endif
