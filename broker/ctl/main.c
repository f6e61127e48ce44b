/* SPDX-License-Identifier: Apache-2.0 */
/* vedettectl: every verb of the administrator. */
#include <glib.h>
#include <locale.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "broker/ctl/ctl.h"
#include "protocol/base/log.h"
#include "protocol/base/nearest.h"
#include "protocol/base/options.h"

static const struct vd_option options[] = {
    {"state", VD_OPTION_STRING, offsetof(struct ctl, state), "/var/lib/vedette", 0, 0, "DIR",
     "Where everything is kept."},
    {"config", VD_OPTION_STRING, offsetof(struct ctl, config), "/etc/vedette", 0, 0, "DIR",
     "Folder with pools.d."},
    {"json", VD_OPTION_FLAG, offsetof(struct ctl, json), NULL, 0, 0, NULL,
     "Answers for programs: one JSON object a line."},
    {"since", VD_OPTION_INT, offsetof(struct ctl, since_hours), "24", 1, 87600, "HOURS",
     "How far audit looks back."},
    {"recipe", VD_OPTION_STRING, offsetof(struct ctl, recipe), NULL, 0, 0, "FILE",
     "What to build an image from."},
    {"script", VD_OPTION_STRING, offsetof(struct ctl, script), NULL, 0, 0, "FILE",
     "image patch: the shell script that root runs in the booted image"},
    {"note", VD_OPTION_STRING, offsetof(struct ctl, note), NULL, 0, 0, "TEXT",
     "image patch: what it is for"},
    {"seconds", VD_OPTION_INT, offsetof(struct ctl, seconds), "0", 0, 86400, "N",
     "image patch: so long may the script take; 0 is an hour"},
    {"rev", VD_OPTION_INT, offsetof(struct ctl, rev), "0", 0, 1000000000, "N",
     "image build, image patch: the number of the new revision; 0 is the next one"},
    {"guest", VD_OPTION_STRING, offsetof(struct ctl, guest), NULL, 0, 0, "DIR",
     "Folder with the guest's programs, for image build."},
    {"cache", VD_OPTION_STRING, offsetof(struct ctl, cache), NULL, 0, 0, "DIR",
     "Folder that keeps downloads, for image build; default STATE/cache."},
    {"name", VD_OPTION_STRING, offsetof(struct ctl, name), NULL, 0, 0, "NAME",
     "The image that image import makes a revision of; default what the file says."},
    {"user", VD_OPTION_STRING, offsetof(struct ctl, user), NULL, 0, 0, "USER",
     "Whose a desktop import will be; default whose it was."},
    {"pool", VD_OPTION_STRING, offsetof(struct ctl, pool), NULL, 0, 0, "POOL",
     "The pool that a desktop import will be in; default where it was."},
    {"server", VD_OPTION_STRING, offsetof(struct ctl, server), NULL, 0, 0, "HOST:PORT",
     "The gateway that image publish tests through; default the first that is connected."},
    {"ca", VD_OPTION_STRING, offsetof(struct ctl, ca), NULL, 0, 0, "FILE",
     "What speaks for that gateway, for image publish; default STATE/pki/ca.pem."},
    {"ask-after", VD_OPTION_STRING, offsetof(struct ctl, ask_after), NULL, 0, 0, "DURATION",
     "When image publish asks sessions on other revisions to change; default as each pool says."},
    {"end-after", VD_OPTION_STRING, offsetof(struct ctl, end_after), NULL, 0, 0, "DURATION",
     "When image publish ends them, after an announcement; default as each pool says."},
    {"programs", VD_OPTION_STRING, offsetof(struct ctl, programs), NULL, 0, 0, "DIR",
     "Where the other programs are: one folder, or a build tree."},
};

static const struct vd_program program = {
    .name = "vedettectl",
    .summary =
        "Runs Vedette on this machine, and tells and asks its broker.\n"
        "\n"
        "Verbs:\n"
        "  up                       runs everything here; 'up --help' lists its options\n"
        "  status                   pools, hosts, gateways, sessions\n"
        "  verify [DIR]             checks pool files without touching what runs\n"
        "  cat POOL                 a pool file with its defaults\n"
        "  diff                     what the pool files say that is not in force\n"
        "  plan                     and what would follow from it\n"
        "  apply                    shows the plan and carries it out\n"
        "  reload                   puts changed pool files in force, all or none\n"
        "  why USER POOL            what that user gets from that pool, and why not\n"
        "  audit                    who logged in, was refused, got and left which desktop\n"
        "  image list               images and their revisions\n"
        "  image build NAME --recipe FILE\n"
        "  image patch NAME[:REVISION] --script FILE   a new revision, by a script in the booted "
        "one\n"
        "  image publish NAME:REVISION      tries it in each pool, then gives it to everyone\n"
        "  image rollout NAME       how many sessions are on which revision, and until when\n"
        "  image rollback NAME      publishes the revision before\n"
        "  image gc [NAME]          removes revisions that nobody needs\n"
        "  image export NAME:REVISION FILE  writes a revision into one file\n"
        "  image import FILE [--name NAME]  makes a revision of that, or of an OVA or OVF\n"
        "  pool list|resume NAME    how pools stand; tries one again that was set aside\n"
        "  host list|token NAME|drain NAME|undrain NAME|revoke NAME\n"
        "  session list|show ID|tell ID TEXT|park ID|end ID\n"
        "  desktop list|delete ID   every desktop; deletes one that nobody is on\n"
        "  desktop export ID FILE   writes one of this machine, running or not, or of its trash\n"
        "  desktop import FILE      puts it into the trash of this machine, to be restored\n"
        "  trash list|restore ID|empty [ID]   what was deleted and can still be had back\n"
        "  disk list|delete POOL USER   users' own disks",
    .usage = "[OPTION...] VERB ...",
    .options = options,
    .option_count = G_N_ELEMENTS(options),
};

static const struct {
    const char *name;
    int (*run)(const struct ctl *ctl, char **words);
} verbs[] = {
    {"status", ctl_verb_status},   {"pool", ctl_verb_pool}, {"verify", ctl_verb_verify},
    {"reload", ctl_verb_reload},   {"plan", ctl_verb_plan}, {"diff", ctl_verb_diff},
    {"apply", ctl_verb_apply},     {"cat", ctl_verb_cat},   {"why", ctl_verb_why},
    {"image", ctl_verb_image},     {"host", ctl_verb_host}, {"session", ctl_verb_session},
    {"desktop", ctl_verb_desktop}, {"disk", ctl_verb_disk}, {"trash", ctl_verb_trash},
    {"audit", ctl_verb_audit},
};

static int
unknown_verb(const char *name)
{
    const char *names[G_N_ELEMENTS(verbs) + 2];
    g_autofree char *text = NULL;
    const char *nearest;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(verbs); i++) {
        names[i] = verbs[i].name;
    }
    names[i++] = "up";
    names[i] = NULL;
    nearest = vd_nearest(name, names);
    text = nearest != NULL
               ? g_strdup_printf("unknown verb '%.60s', did you mean '%s'?", name, nearest)
               : g_strdup_printf("unknown verb '%.60s'", name);
    return ctl_usage(text);
}

static int
run_verb(const struct ctl *ctl, char **words)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (strcmp(verbs[i].name, words[0]) == 0) {
            return verbs[i].run(ctl, words);
        }
    }
    return unknown_verb(words[0]);
}

int
main(int argc, char **argv)
{
    struct ctl ctl;
    g_autofree char *state = NULL;
    g_autofree char *config = NULL;
    int at;

    (void)setlocale(LC_CTYPE, "");
    vd_log_init("vedettectl");
    at = vd_options_parse(&program, &ctl, argc, argv, true);
    if (at >= 0 && at < argc && strcmp(argv[at], "up") == 0) {
        return ctl_verb_up(&ctl, argc - at, argv + at);
    }
    at = at < 0 ? at : vd_options_parse(&program, &ctl, argc, argv, false);
    if (at < 0) {
        return CTL_USAGE;
    }
    if (at == argc) {
        return ctl_usage("a verb is missing");
    }
    state = g_canonicalize_filename(ctl.state, NULL);
    config = g_canonicalize_filename(ctl.config, NULL);
    ctl.state = state;
    ctl.config = config;
    return run_verb(&ctl, argv + at);
}
