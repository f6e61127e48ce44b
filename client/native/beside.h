/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_BESIDE_H
#define CLIENT_BESIDE_H

/* beside: data next to the program, so that it also runs from a build tree. */

/* "../../themes" seen from the program's folder; g_free(). */
char *client_beside_program(const char *relative);

#endif
