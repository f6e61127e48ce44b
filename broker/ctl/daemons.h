/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMONS_H
#define CTL_DAEMONS_H

/* daemons: the programs that `vedettectl up` runs, and what each is told on its command line. */

#include <glib.h>

#include "broker/ctl/service.h"
#include "broker/ctl/settings.h"

struct ctl_daemons {
    const struct ctl_up_settings *settings;
    char *launch_path, *broker_path, *gateway_path, *hostd_path, *pam_path, *streamer_path;
    struct ctl_service *broker_launch, *broker, *gateway, *host_launch,
        *hostd; /* the units own them */
};

/* Finds every program. FALSE and *error when one is missing. */
gboolean ctl_daemons_init(struct ctl_daemons *daemons, const struct ctl_up_settings *settings,
                          const struct ctl_service_events *events, void *user_data, GError **error);
void ctl_daemons_clear(struct ctl_daemons *daemons); /* not the services */

/* Each starts its service or pair of services anew. */
gboolean ctl_daemons_start_broker(struct ctl_daemons *daemons, GError **error);
gboolean ctl_daemons_start_gateway(struct ctl_daemons *daemons, GError **error);
/* join_token: NULL, or what the host joins with; it goes through a pipe. */
gboolean ctl_daemons_start_host(struct ctl_daemons *daemons, const char *join_token,
                                GError **error);

#endif
