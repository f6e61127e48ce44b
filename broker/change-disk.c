/* SPDX-License-Identifier: Apache-2.0 */
/* The disks of users: where one is, and that it is no more. */
#include "broker/change.h"

#include <string.h>

#include "protocol/base/log.h"

#define MODULE "change"

bool
broker_change_delete_disk(struct broker *broker, struct store_userdisk *disk)
{
    struct store_userdisk row = *disk;
    GError *error = NULL;

    row.gone = true;
    if (!store_userdisk_put(broker->store, &row, &error)) {
        return broker_store_failed(broker, error);
    }
    *disk = row;
    vd_notice(MODULE, "the disk of '%s' in pool '%s' is to go", row.user, row.pool);
    broker_audit(broker, "disk-delete", row.user, NULL, row.pool, row.host);
    return true;
}

void
broker_change_disk_gone(struct broker *broker, const char *host, const char *user, const char *pool)
{
    const struct store_userdisk *disk = broker_model_userdisk(broker->model, user, pool);
    GError *error = NULL;

    if (disk == NULL || !disk->gone || strcmp(disk->host, host) != 0) {
        return; /* said twice, or by somebody whom it does not concern */
    }
    if (!store_userdisk_remove(broker->store, pool, user, &error)) {
        broker_store_failed(broker, error); /* the host says so again when it is asked again */
        return;
    }
    broker_model_remove_userdisk(broker->model, user, pool);
    vd_notice(MODULE, "the disk of '%s' in pool '%s' is gone", user, pool);
}
