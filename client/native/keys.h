/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_KEYS_H
#define CLIENT_KEYS_H

/* keys: evdev codes of physical keys, from hardware keycodes, from names and from US text. */

#include <stdbool.h>
#include <stdint.h>

#define CLIENT_MAX_KEY 0x2ffu /* KEY_MAX */

/* X11 and Wayland hardware keycodes are evdev codes plus 8. 0 for what is no key. */
uint16_t client_key_from_hardware(unsigned keycode);
/* "30", "KEY_A", "a", "enter", "leftctrl" …; 0 when unknown. */
uint16_t client_key_from_name(const char *name);
/* The key that types an ASCII character on a US keyboard. False when there is none. */
bool client_key_from_char(char c, uint16_t *ret_code, bool *ret_shift);

#endif
