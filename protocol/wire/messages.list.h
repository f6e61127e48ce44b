/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages.list: every record type of VDP, as data.
 *
 * VDP_MESSAGE(NAME, name, number, direction, state, channel, max_body)
 *   direction: C client to host, H host to client, B both, G end point to gateway, L local or host
 *   link; state: OPEN before HELLO was exchanged, LIVE after, ANY both; max_body: bytes, checked
 *   before a body is allocated.
 *
 * Dispatch, permit checks, names in logs, the table in docs/PROTOCOL.md and the constants of the
 * web client come from this list. Numbers are never reused. No include guard: include it after
 * defining VDP_MESSAGE.
 */
VDP_MESSAGE(JSON, json, 1, L, ANY, VDP_CHANNEL_CONTROL, 1048576)
VDP_MESSAGE(TICKET, ticket, 16, G, OPEN, VDP_CHANNEL_CONTROL, 64)
VDP_MESSAGE(UPLINK, uplink, 17, G, OPEN, VDP_CHANNEL_CONTROL, 64)
VDP_MESSAGE(HELLO, hello, 18, B, OPEN, VDP_CHANNEL_CONTROL, 1024)
VDP_MESSAGE(GOAWAY, goaway, 19, B, ANY, VDP_CHANNEL_CONTROL, 1024)
VDP_MESSAGE(PING, ping, 20, B, ANY, VDP_CHANNEL_CONTROL, 8)
VDP_MESSAGE(PONG, pong, 21, B, ANY, VDP_CHANNEL_CONTROL, 8)
VDP_MESSAGE(NOTICE, notice, 22, H, LIVE, VDP_CHANNEL_CONTROL, 517)
VDP_MESSAGE(KEY, key, 32, C, LIVE, VDP_CHANNEL_INPUT, 16)
VDP_MESSAGE(POINTER, pointer, 33, C, LIVE, VDP_CHANNEL_INPUT, 16)
VDP_MESSAGE(BUTTON, button, 34, C, LIVE, VDP_CHANNEL_INPUT, 16)
VDP_MESSAGE(WHEEL, wheel, 35, C, LIVE, VDP_CHANNEL_INPUT, 16)
VDP_MESSAGE(RELEASE_ALL, release_all, 36, C, LIVE, VDP_CHANNEL_INPUT, 8)
VDP_MESSAGE(SET_SIZE, set_size, 37, C, LIVE, VDP_CHANNEL_INPUT, 16)
VDP_MESSAGE(LOCKS, locks, 38, C, LIVE, VDP_CHANNEL_INPUT, 16)
VDP_MESSAGE(TEXT, text, 39, C, LIVE, VDP_CHANNEL_INPUT, 1032)
VDP_MESSAGE(MOTION, motion, 40, C, LIVE, VDP_CHANNEL_INPUT, 16)
VDP_MESSAGE(MONITORS, monitors, 41, C, LIVE, VDP_CHANNEL_INPUT, 41)
VDP_MESSAGE(CURSOR_SHAPE, cursor_shape, 48, H, LIVE, VDP_CHANNEL_CURSOR, 1049600)
VDP_MESSAGE(CURSOR_USE, cursor_use, 49, H, LIVE, VDP_CHANNEL_CURSOR, 16)
VDP_MESSAGE(CURSOR_WARP, cursor_warp, 50, H, LIVE, VDP_CHANNEL_CURSOR, 16)
VDP_MESSAGE(SURFACE, surface, 64, H, LIVE, VDP_CHANNEL_DISPLAY, 16)
VDP_MESSAGE(FRAME, frame, 65, H, LIVE, VDP_CHANNEL_DISPLAY, 67108864)
VDP_MESSAGE(ACK, ack, 66, C, LIVE, VDP_CHANNEL_DISPLAY, 16)
VDP_MESSAGE(REFRESH, refresh, 67, C, LIVE, VDP_CHANNEL_DISPLAY, 8)
VDP_MESSAGE(HAVE, have, 68, C, LIVE, VDP_CHANNEL_DISPLAY, 40964)
VDP_MESSAGE(LAYOUT, layout, 69, H, LIVE, VDP_CHANNEL_DISPLAY, 35)
