/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_TEMPLATEWORK_H
#define HOSTD_TEMPLATEWORK_H

/*
 * templatework: what takes long about templates and is done on a thread: reading one from disk, and
 * writing the memory of a new one there. done runs on the main loop and not after cancellable was
 * cancelled; name says what it was about, for by then whoever asked may not want it any more.
 */

#include <gio/gio.h>

#include "hostd/kvm/template.h"

/* template is owned by the callee, NULL with error when there is none to be had. */
typedef void (*hostd_templatework_loaded_fn)(const char *name, struct kvm_template *template,
                                             const GError *error, void *user_data);
void hostd_templatework_load(const struct kvm_shape *shape, const char *name, const char *folder,
                             GCancellable *cancellable, hostd_templatework_loaded_fn done,
                             void *user_data);

/* Takes ram_fd, sealed memory. result is 0 or a negative errno. */
typedef void (*hostd_templatework_saved_fn)(const char *name, int result, void *user_data);
void hostd_templatework_save(const struct kvm_shape *shape, const char *name, const char *folder,
                             int ram_fd, GCancellable *cancellable,
                             hostd_templatework_saved_fn done, void *user_data);

#endif
