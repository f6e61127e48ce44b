/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_KEYMAP_H
#define STREAMER_KEYMAP_H

/* keymap: Linux evdev key codes to QEMU's key numbers. Pure. */

#include <stdint.h>

/*
 * A qnum is the XT set 1 scan code; one that follows 0xe0 on the wire has bit 0x80 set. 0 when QEMU
 * has no number for the key.
 */
uint8_t streamer_qnum(uint16_t evdev_code);

#endif
