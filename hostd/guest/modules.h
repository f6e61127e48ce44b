/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_MODULES_H
#define VEDETTE_GUEST_MODULES_H

/*
 * modules: what an init in an initial file system does first. Both functions print what fails to
 * the console and go on: a guest that comes up with less tells more than one that does not come up.
 */

/* Mounts /dev, /proc and /sys. */
void guest_mount_kernel(void);

/*
 * Loads the modules of /modules/list, "FILE [PARAMETERS]" a line, files below /modules, in the
 * order of the lines; recipes compute it when they build.
 */
void guest_load_modules(void);

#endif
