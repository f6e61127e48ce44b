// SPDX-License-Identifier: Apache-2.0
// arrange: where the monitors of a session lie on its wall: as the screens lie on which their windows are, and
// beside each other, in their order, on the same screen or where the browser does not say.
import * as k from './constants.js';

const MAX_PIXELS = 8192 * 4320; // of the box around all, as in SURFACE
const even = (value) => Math.max(2, Math.round(value) & ~1);

const isLeft = (a, b) => a.left + a.width <= b.left; // of screens; those of one system do not overlap
const isAbove = (a, b) => a.top + a.height <= b.top;

// The windows of each screen, with the box that they need in a row.
function groups(windows) {
  const found = new Map();
  for (const one of windows) {
    const members = found.get(one.screen) ?? [];
    members.push(one);
    found.set(one.screen, members);
  }
  return [...found].map(([screen, members]) => ({
    screen, members, x: 0, y: 0, ratio: members[0].scale / 120,
    width: members.reduce((sum, one) => sum + one.width, 0),
    height: Math.max(...members.map((one) => one.height)),
  }));
}

// Screen by screen from the left (or the top): behind all that are before it, else as far as it is offset.
function along(all, side, position, size, isBefore) {
  for (const one of [...all].sort((a, b) => a.screen[side] - b.screen[side])) {
    const before = all.filter((other) => isBefore(other.screen, one.screen));
    const beside = all.filter((other) => !isBefore(other.screen, one.screen) && !isBefore(one.screen, other.screen));
    const least = Math.min(...beside.map((other) => other.screen[side]));
    const offset = Math.max(0, Math.round((one.screen[side] - least) * one.ratio)) & ~1;
    one[position] = before.length > 0 ? Math.max(...before.map((other) => other[position] + other[size])) : offset;
  }
}

function fits(monitors) {
  const right = Math.max(...monitors.map(({ x, width }) => x + width));
  const bottom = Math.max(...monitors.map(({ y, height }) => y + height));
  return right <= k.MAX_SIDE && bottom <= k.MAX_SIDE && right * bottom <= MAX_PIXELS;
}

// The least x and y become 0.
function moved(monitors) {
  const left = Math.min(...monitors.map(({ x }) => x));
  const top = Math.min(...monitors.map(({ y }) => y));
  return monitors.map((one) => ({ ...one, x: one.x - left, y: one.y - top }));
}

function asScreens(windows) {
  const all = groups(windows);
  along(all, 'left', 'x', 'width', isLeft);
  along(all, 'top', 'y', 'height', isAbove);
  const at = new Map();
  for (const { members, x, y } of all) {
    members.reduce((left, one) => {
      at.set(one, { x: left, y });
      return left + one.width;
    }, x);
  }
  return moved(windows.map((one) => ({ ...at.get(one), width: one.width, height: one.height, scale: one.scale })));
}

function inRow(windows) {
  let x = 0;
  return windows.map(({ width, height, scale }) => {
    x += width;
    return { x: x - width, y: 0, width, height, scale };
  });
}

// windows: {width, height, scale, screen} of each, screen {left, top, width, height} or null; MONITORS.
export function arrange(windows) {
  const placed = windows.every(({ screen }) => screen) ? asScreens(windows) : inRow(windows);
  if (fits(placed)) {
    return placed;
  }
  // More than a picture may have: in a row, and smaller until it fits. Their windows scale it up again.
  let row = inRow(windows);
  for (let part = 0.95; !fits(row); part *= 0.95) {
    const factor = part;
    row = inRow(windows.map(({ width, height, scale }) => ({ width: even(width * factor), height: even(height * factor), scale })));
  }
  return row;
}

// What a desktop with so many monitors at most is asked for.
export const atMost = (monitors, most) => moved(monitors.slice(0, Math.max(1, most)));
