/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_HOSTS_H
#define BROKER_HOSTS_H

/*
 * hosts: the link server that hosts dial: /join enrols one, /host serves it.
 *
 * What a host reports goes into the model; what it should run goes out whole at each change and
 * every five seconds.
 */

#include <jansson.h>

#include "broker/broker.h"

#define BROKER_MAX_LINKS 1024u

/* Listens at once. cert_pem and key_pem are borrowed for the call. NULL and *error on failure. */
struct broker_hosts *broker_hosts_new(struct broker *broker, const char *cert_pem,
                                      const char *key_pem, GError **error);
void broker_hosts_free(struct broker_hosts *hosts); /* accepts NULL */
uint16_t broker_hosts_port(struct broker_hosts *hosts);

/* Sends each host its desired state when that differs from what it was sent last. */
void broker_hosts_update(struct broker_hosts *hosts);
/* Sends a message to every connected host; their number. */
unsigned broker_hosts_send_all(struct broker_hosts *hosts, const json_t *message);
/* Once a second: repeats the desired state, closes links that fell silent. */
void broker_hosts_tick(struct broker_hosts *hosts);
/* Closes the links of a host, after it was revoked. */
void broker_hosts_disconnect(struct broker_hosts *hosts, const char *name, const char *text);

#endif
