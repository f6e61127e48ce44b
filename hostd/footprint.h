/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_FOOTPRINT_H
#define HOSTD_FOOTPRINT_H

/* footprint: the memory that a desktop takes of its host, beyond what it shares with its template.
 */

#include <stdbool.h>

#include "hostd/kvm/record.h"

/* MiB that are kept for a desktop with memory_mb. */
unsigned hostd_footprint_promise_mb(unsigned memory_mb, bool forked);

/* MiB of that promise that it has not taken yet; 0 when it does not run. */
unsigned hostd_footprint_untouched_mb(const struct kvm_record *record);

#endif
