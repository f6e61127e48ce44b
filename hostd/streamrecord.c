/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamrecord.h"

#include <errno.h>
#include <glib.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/fd.h"

#define RECORD     "streamer.json"
#define MAX_RECORD 4096u

int
hostd_streamrecord_write(const struct hostd_streamrecord *record, const char *folder)
{
    g_autofree char *path = g_build_filename(folder, RECORD, NULL);
    json_t *json = json_pack("{s:s, s:i, s:i, s:I, s:s}", "boot_id", record->boot_id, "slot",
                             (int)record->slot, "pid", (int)record->process.pid, "start_time",
                             (json_int_t)record->process.start_time, "dialled", record->dialled);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    int result = text == NULL ? -EILSEQ : vd_file_replace(path, text, strlen(text), 0600);

    json_decref(json);
    free(text);
    return result;
}

bool
hostd_streamrecord_read(struct hostd_streamrecord *record, const char *folder)
{
    g_autofree char *path = g_build_filename(folder, RECORD, NULL);
    struct vd_process process = {0};
    const char *boot_id, *dialled;
    char *data = NULL;
    json_int_t start_time;
    int pid, slot = 0;
    size_t size;
    json_t *json;
    bool good;

    if (vd_file_read(path, MAX_RECORD, &data, &size) < 0) {
        return false;
    }
    json = json_loadb(data, size, 0, NULL);
    good = json_unpack(json, "{s:s, s?:i, s:i, s:I, s:s}", "boot_id", &boot_id, "slot", &slot,
                       "pid", &pid, "start_time", &start_time, "dialled", &dialled) == 0 &&
           slot >= 0 && strlen(dialled) <= HOSTD_STREAM_ID_MAX;
    if (good) {
        g_strlcpy(record->dialled, dialled, sizeof(record->dialled));
        record->slot = (unsigned)slot;
        process.pid = pid;
        process.start_time = (uint64_t)start_time;
        if (pid > 1 && strcmp(boot_id, record->boot_id) == 0 && vd_process_is_alive(process)) {
            record->process = process;
        }
    }
    json_decref(json);
    free(data);
    return good;
}
