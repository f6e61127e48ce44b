/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_TEXT_H
#define CLIENT_TEXT_H

/* text: what a person reads goes through _(), from the catalogue of the domain "vedette". */

#include <libintl.h>

#define CLIENT_TEXT_DOMAIN "vedette"

#define _(text)  gettext(text)
#define N_(text) (text)

#endif
