/* SPDX-License-Identifier: Apache-2.0 */
/* verify: checks pool files without a broker, by the broker's own code. */
#include <glib.h>
#include <stdio.h>

#include "broker/ctl/ctl.h"
#include "broker/poolfolder.h"

static void
print_as_json(guint pools, GPtrArray *errors)
{
    json_t *list = json_array();
    json_t *object;
    guint i;

    for (i = 0; errors != NULL && i < errors->len; i++) {
        g_autofree char *text = g_utf8_make_valid(errors->pdata[i], -1);

        (void)json_array_append_new(list, json_string(text));
    }
    object = json_pack("{s:b,s:I,s:o}", "ok", errors == NULL, "pools", (json_int_t)pools, "errors",
                       list);
    ctl_print_json(object);
    json_decref(object);
}

int
ctl_verb_verify(const struct ctl *ctl, char **words)
{
    g_autofree char *usual = g_build_filename(ctl->config, "pools.d", NULL);
    const char *folder = words[1] != NULL ? words[1] : usual;
    GPtrArray *errors = NULL;
    struct broker_pools *pools;
    guint count = 0;
    guint i;

    if (words[1] != NULL && words[2] != NULL) {
        return ctl_usage("verify takes one folder at most");
    }
    pools = broker_pools_load(folder, &errors);
    if (pools != NULL) {
        count = pools->items->len;
        broker_pools_free(pools);
    }
    if (ctl->json) {
        print_as_json(count, errors);
    } else if (errors == NULL) {
        printf("%s: %u %s, no mistakes\n", folder, count, count == 1 ? "pool" : "pools");
    }
    if (errors == NULL) {
        return CTL_DONE;
    }
    for (i = 0; !ctl->json && i < errors->len; i++) {
        fprintf(stderr, "%s\n", (const char *)errors->pdata[i]);
    }
    if (!ctl->json) {
        fprintf(stderr, "vedettectl: %u %s; what runs is unchanged until all are mended\n",
                errors->len, errors->len == 1 ? "mistake" : "mistakes");
    }
    g_ptr_array_unref(errors);
    return CTL_FAILED;
}
