/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CERTIFICATES_H
#define CTL_CERTIFICATES_H

/* certificates: the installation's authority and the server certificates of gateway and broker. */

#include <glib.h>

#include "broker/ctl/settings.h"

/*
 * Makes what is missing in STATE/pki. A server certificate is made anew when it ends within 30 days
 * or when the names have changed. The authority is never replaced: clients have pinned it.
 */
gboolean ctl_certificates_make(const struct ctl_up_settings *settings, GError **error);

/* True when the local host has no certificate that is good for another day, and needs a join token.
 */
gboolean ctl_certificates_host_must_join(const struct ctl_up_settings *settings);

#endif
