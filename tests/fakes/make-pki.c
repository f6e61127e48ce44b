/* SPDX-License-Identifier: Apache-2.0 */
/* make-pki DIR NAME...: writes ca.pem, server.pem and server.key for tests into DIR. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/fd.h"
#include "protocol/link/pki.h"

static void
write_file(const char *dir, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    if (vd_file_replace(path, text, strlen(text), 0600) < 0) {
        (void)fprintf(stderr, "make-pki: cannot write %s\n", path);
        exit(1);
    }
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    struct vdp_pair ca;
    struct vdp_pair server;

    if (argc < 3) {
        (void)fprintf(stderr, "usage: make-pki DIR NAME...\n");
        return 2;
    }
    if (!vdp_pki_make_ca("vedette test", &ca, &error) ||
        !vdp_pki_make_server(&ca, (const char *const *)(argv + 2), 30, &server, &error)) {
        (void)fprintf(stderr, "make-pki: %s\n", error->message);
        return 1;
    }
    write_file(argv[1], "ca.pem", ca.cert_pem);
    write_file(argv[1], "server.pem", server.cert_pem);
    write_file(argv[1], "server.key", server.key_pem);
    vdp_pair_clear(&ca);
    vdp_pair_clear(&server);
    return 0;
}
