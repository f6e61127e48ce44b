/* SPDX-License-Identifier: Apache-2.0 */
/* image: hands over to vedette-image, which knows what an image is. */
#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/ctl/ctl.h"
#include "broker/ctl/programs.h"
#include "broker/ctl/publish.h"
#include "broker/ctl/rollout.h"

static void
add(GPtrArray *arguments, const char *option, const char *value)
{
    if (value != NULL) {
        g_ptr_array_add(arguments, (char *)option);
        g_ptr_array_add(arguments, (char *)value);
    }
}

/* For g_free(); NULL leaves it to vedette-image. */
static char *
number_or_null(int64_t number)
{
    return number > 0 ? g_strdup_printf("%" PRId64, number) : NULL;
}

/* Where the program is, for g_free(), with the arguments made whole; NULL after telling why not.
 * *ret_images is among the arguments, for g_free(). */
static char *
complete(const struct ctl *ctl, GPtrArray *arguments, char **ret_images)
{
    g_autoptr(GError) error = NULL;
    char *path = ctl_program_find(ctl->programs, "vedette-image", &error);

    if (path == NULL) {
        fprintf(stderr, "vedettectl: %s\n", error->message);
        return NULL;
    }
    *ret_images = g_build_filename(ctl->state, "images", NULL);
    add(arguments, "--images", *ret_images);
    if (ctl->json) {
        g_ptr_array_add(arguments, (char *)"--json");
    }
    g_ptr_array_add(arguments, NULL);
    return path;
}

int
ctl_become_image(const struct ctl *ctl, GPtrArray *arguments)
{
    g_autofree char *images = NULL;
    g_autofree char *path = complete(ctl, arguments, &images);

    if (path == NULL) {
        return CTL_FAILED;
    }
    (void)execv(path, (char *const *)arguments->pdata);
    fprintf(stderr, "vedettectl: cannot run %s: %s\n", path, g_strerror(errno));
    return CTL_FAILED;
}

/* The same for a patch, which is a build without a recipe of its own. */
static int
become_patch(const struct ctl *ctl, GPtrArray *arguments, char *reference)
{
    g_autofree char *cache =
        ctl->cache != NULL ? g_strdup(ctl->cache) : g_build_filename(ctl->state, "cache", NULL);
    g_autofree char *rev = number_or_null(ctl->rev);
    g_autofree char *seconds = number_or_null(ctl->seconds);

    g_ptr_array_add(arguments, (char *)"patch");
    g_ptr_array_add(arguments, reference);
    add(arguments, "--script", ctl->script);
    add(arguments, "--note", ctl->note);
    add(arguments, "--seconds", seconds);
    add(arguments, "--rev", rev);
    add(arguments, "--cache", cache);
    return ctl_become_image(ctl, arguments);
}

/* Takes over the process for a build; what was not said is beside the programs and in the state. */
static int
become_build(const struct ctl *ctl, GPtrArray *arguments, char *name)
{
    g_autofree char *cache =
        ctl->cache != NULL ? g_strdup(ctl->cache) : g_build_filename(ctl->state, "cache", NULL);
    g_autofree char *rev = number_or_null(ctl->rev);
    g_autofree char *agent = ctl_program_find(ctl->programs, "vedette-agent", NULL);
    g_autofree char *guest =
        ctl->guest != NULL || agent == NULL ? g_strdup(ctl->guest) : g_path_get_dirname(agent);

    g_ptr_array_add(arguments, (char *)"build");
    g_ptr_array_add(arguments, name);
    add(arguments, "--recipe", ctl->recipe);
    add(arguments, "--rev", rev);
    add(arguments, "--guest", guest);
    add(arguments, "--cache", cache);
    return ctl_become_image(ctl, arguments);
}

/* The file belongs to who calls: its path is taken as it stands. */
static int
become_move(const struct ctl *ctl, GPtrArray *arguments, char **words)
{
    add(arguments, "--name", ctl->name);
    for (; *words != NULL; words++) {
        g_ptr_array_add(arguments, *words);
    }
    return ctl_become_image(ctl, arguments);
}

/* Runs it and waits. */
static bool
run_image(const struct ctl *ctl, GPtrArray *arguments)
{
    g_autofree char *images = NULL;
    g_autofree char *path = complete(ctl, arguments, &images);
    g_autoptr(GError) error = NULL;
    int status = 0;

    if (path == NULL) {
        return false;
    }
    arguments->pdata[0] = path;
    if (!g_spawn_sync(NULL, (char **)arguments->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL,
                      NULL, &status, &error)) {
        fprintf(stderr, "vedettectl: cannot run %s: %s\n", path, error->message);
        return false;
    }
    return g_spawn_check_wait_status(status, NULL); /* it said itself what is wrong */
}

/* Tries a revision, publishes it, and has the broker keep its deadlines. */
static int
publish(const struct ctl *ctl, GPtrArray *arguments, char *reference)
{
    struct ctl_deadlines deadlines;
    bool ok;

    g_ptr_array_add(arguments, (char *)"publish");
    g_ptr_array_add(arguments, reference);
    ok = ctl_deadlines_read(ctl, &deadlines) && ctl_publish_test(ctl, reference) &&
         run_image(ctl, arguments);
    if (ok && !ctl_rollout_begin(ctl, reference, &deadlines)) {
        fprintf(stderr, "vedettectl: it is published with the deadlines of the pools\n");
        ok = false;
    }
    ctl_deadlines_clear(&deadlines);
    return ok ? CTL_DONE : CTL_FAILED;
}

int
ctl_verb_image(const struct ctl *ctl, char **words)
{
    g_autoptr(GPtrArray) arguments = g_ptr_array_new();
    g_autofree char *hostd = g_build_filename(ctl->state, "hostd", NULL);
    const char *verb = words[1] != NULL ? words[1] : "";
    unsigned count = g_strv_length(words);

    g_ptr_array_add(arguments, (char *)"vedette-image");
    if (strcmp(verb, "build") == 0 && count == 3 && ctl->recipe != NULL) {
        return become_build(ctl, arguments, words[2]);
    }
    if (strcmp(verb, "patch") == 0 && count == 3 && ctl->script != NULL) {
        return become_patch(ctl, arguments, words[2]);
    }
    if ((strcmp(verb, "export") == 0 && count == 4) ||
        (strcmp(verb, "import") == 0 && count == 3)) {
        return become_move(ctl, arguments, words + 1);
    }
    if (strcmp(verb, "publish") == 0 && count == 3) {
        return publish(ctl, arguments, words[2]);
    }
    if (strcmp(verb, "rollout") == 0 && count == 3) {
        return ctl_rollout_show(ctl, words[2]);
    }
    if ((strcmp(verb, "list") == 0 && count == 2) ||
        (strcmp(verb, "rollback") == 0 && count == 3) || (strcmp(verb, "gc") == 0 && count <= 3)) {
        g_ptr_array_add(arguments, words[1]);
        add(arguments, "--in-use", strcmp(verb, "gc") == 0 ? hostd : NULL);
        if (words[2] != NULL) {
            g_ptr_array_add(arguments, words[2]);
        }
        return ctl_become_image(ctl, arguments);
    }
    return ctl_usage(
        "image list, image build NAME --recipe FILE, image patch NAME[:REVISION] "
        "--script FILE [--rev N] [--note TEXT], image publish NAME:REVISION [--ask-after DURATION] "
        "[--end-after DURATION], image rollout NAME, image rollback NAME, image gc "
        "[NAME], image export NAME:REVISION FILE or image import FILE [--name NAME]");
}
