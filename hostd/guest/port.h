/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_PORT_H
#define VEDETTE_GUEST_PORT_H

/*
 * port: the guest's end of the agent channel, a virtio-serial port that carries one JSON object a
 * line (docs/PROTOCOL.md, "Local channels").
 *
 * The host end comes and goes when hostd restarts. Whenever it comes, the port says hello again
 * and, once guest_port_ready() was called, ready again; a pong repeats the readiness. So a hostd
 * that has just started learns the state of a guest that has been running for days.
 */

#include <stdbool.h>
#include <stddef.h>

#define GUEST_PORT_NAME "org.vedette.agent.0"
#define GUEST_PORT_LINE_MAX                                                                        \
    4096u                       /* bytes of one line, its end included; longer lines are dropped */
#define GUEST_PORT_TYPE_MAX 32u /* bytes of a message type, terminator included */

struct guest_port;

/*
 * Called for each message that the port does not answer by itself; line is the whole message, for
 * guest_port_parse_text() and guest_port_parse_member(). May call guest_port_say().
 */
typedef void (*guest_port_handler)(void *data, const char *type, const char *line, size_t size);

/* Returns the port, not yet open, or NULL without memory. */
struct guest_port *guest_port_new(guest_port_handler handler, void *data);
void guest_port_free(struct guest_port *port);

/*
 * The descriptor to poll for reading, or -1 while the device or its host end is absent. Then
 * guest_port_step() wants to be called again within GUEST_PORT_RETRY_MS.
 */
#define GUEST_PORT_RETRY_MS 200
int guest_port_fd(const struct guest_port *port);

/* Opens, reads, answers and dispatches whatever there is to do now. Never blocks. */
void guest_port_step(struct guest_port *port);

/* Says one line, its end included, to the host end if that is there. */
void guest_port_say(struct guest_port *port, const char *line);

/* The same; false when the host end is not there, or does not take it now. */
bool guest_port_try(struct guest_port *port, const char *line);

/* Makes the hello that follows say that users can be signed in (signin.h). */
void guest_port_offer_accounts(struct guest_port *port);

/* Makes it say that a script can be run (run.h). */
void guest_port_offer_scripts(struct guest_port *port);

/* Says ready, now and to every host end that comes later. */
void guest_port_ready(struct guest_port *port);

/*
 * Takes the value of the member "type" out of one JSON object of flat members. Returns false when
 * the line is no object, has no such member or the value does not fit.
 */
bool guest_port_parse_type(const char *line, size_t size, char type[GUEST_PORT_TYPE_MAX]);

/*
 * Copies the string that is the value of a member, room bytes with its terminator. Returns false
 * when there is none, it has escapes or does not fit.
 */
bool guest_port_parse_member(const char *line, size_t size, const char *key, char *value,
                             size_t room);

/* Turns pairs of hexadecimal digits into at most room bytes; their number, or -1 for anything else.
 */
int guest_port_parse_hex(const char *digits, unsigned char *bytes, size_t room);

/*
 * Takes the text out of the member "utf8", which holds its bytes as pairs of hexadecimal digits.
 * Returns false when there is none, a pair is none or is the terminator, or it does not fit.
 */
#define GUEST_PORT_TEXT_MAX 1025u /* bytes, terminator included */
bool guest_port_parse_text(const char *line, size_t size, char text[GUEST_PORT_TEXT_MAX]);

#endif
