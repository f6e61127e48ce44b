// SPDX-License-Identifier: Apache-2.0
// arrange.mjs: where monitors are asked for, for screens in many arrangements; prints TAP.
import { arrange, atMost } from './arrange.js';
import { MAX_MONITORS, MAX_SIDE } from './constants.js';

let number = 0;
let failed = 0;

function report(passed, text) {
  number += 1;
  failed += passed ? 0 : 1;
  console.log(`${passed ? 'ok' : 'not ok'} ${number} - ${text}`);
}

const at = (monitors) => monitors.map(({ x, y }) => `${x},${y}`).join(' ');
const win = (width, height, screen = null, scale = 120) => ({ width, height, scale, screen });
const box = (left, top, width, height) => ({ left, top, width, height });

// As the wire wants them: from 0, 0, none over another, in a box that a picture may have.
function fine(monitors) {
  const right = Math.max(...monitors.map(({ x, width }) => x + width));
  const bottom = Math.max(...monitors.map(({ y, height }) => y + height));
  const apart = monitors.every((a, i) => monitors.slice(0, i).every((b) =>
    a.x >= b.x + b.width || b.x >= a.x + a.width || a.y >= b.y + b.height || b.y >= a.y + a.height));
  return apart && Math.min(...monitors.map(({ x }) => x)) === 0 && Math.min(...monitors.map(({ y }) => y)) === 0 &&
    right <= MAX_SIDE && bottom <= MAX_SIDE && right * bottom <= 8192 * 4320 &&
    monitors.every((one) => [one.x, one.y, one.width, one.height].every((value) => Number.isInteger(value) && value % 2 === 0));
}

const [left, right, upper] = [box(0, 0, 1920, 1080), box(1920, 0, 1920, 1080), box(0, -1080, 1920, 1080)];
report(at(arrange([win(1000, 700)])) === '0,0', 'one is at 0, 0');
report(at(arrange([win(1000, 700), win(800, 600), win(640, 480)])) === '0,0 1000,0 1800,0', 'without screens each is right of those before it');
report(at(arrange([win(1920, 1080, left), win(1920, 1080, right)])) === '0,0 1920,0', 'screens beside each other');
report(at(arrange([win(1920, 1080, right), win(1920, 1080, left)])) === '1920,0 0,0', 'also when the first window is on the right one');
report(at(arrange([win(1920, 1080, left), win(1920, 1080, upper)])) === '0,1080 0,0', 'a screen above');
report(at(arrange([win(1000, 700, left), win(1920, 1080, right)])) === '0,0 1000,0', 'a window that is smaller than its screen leaves no gap');
report(at(arrange([win(1920, 1080, left), win(1920, 1080, box(1920, -180, 1920, 1080))])) === '0,180 1920,0', 'screens that are offset');
report(at(arrange([win(3840, 2160, left, 240), win(1920, 1080, right)])) === '0,0 3840,0', 'a screen of double density needs twice the pixels');
report(at(arrange([win(800, 600, left), win(640, 480, left), win(1920, 1080, right)])) === '0,0 800,0 1440,0', 'two windows on a screen are beside each other');
report(at(arrange([win(1920, 1080, left), win(800, 600)])) === '0,0 1920,0', 'a window on no known screen makes it a row');
const large = arrange([win(8192, 4320), win(8192, 4320)]);
report(fine(large) && large[0].width > 4000, 'what is more than a picture may have becomes smaller');
report(at(atMost(arrange([win(1920, 1080, right), win(800, 600, left)]), 1)) === '0,0', 'a desktop with one monitor is asked for one, at 0, 0');
report(atMost([win(1, 1)], 0).length === 1, 'as is a host that does not count them');

let seed = 1;
const random = (most) => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return (seed >>> 8) % most;
};
let wrong = '';
for (let round = 0; round < 20000 && !wrong; round++) {
  // Screens in a grid whose rows and columns have their own sizes never overlap.
  const [columns, rows] = [[0, 600 + random(2000), 3000 + random(2000)], [0, 500 + random(1000), 2000 + random(1000)]];
  const cells = [...Array(9).keys()].sort(() => random(3) - 1).slice(0, 1 + random(MAX_MONITORS));
  const screens = cells.map((cell) => {
    const [x, y] = [columns[cell % 3], rows[Math.floor(cell / 3)]];
    const [width, height] = [(columns[cell % 3 + 1] ?? 6000) - x, (rows[Math.floor(cell / 3) + 1] ?? 4000) - y];
    return box(x - 2000 + random(width / 4 | 0), y - 1000 + random(height / 4 | 0), width * 3 / 4 | 0, height * 3 / 4 | 0);
  });
  const windows = [...Array(1 + random(MAX_MONITORS)).keys()].map(() =>
    win(2 + 2 * random(2000), 2 + 2 * random(1200), screens[random(screens.length)], [120, 150, 240][random(3)]));
  const monitors = arrange(windows);
  wrong = fine(monitors) && monitors.length === windows.length ? '' : JSON.stringify({ windows, monitors });
}
report(wrong === '', `whatever screens there are, monitors are as the wire wants them ${wrong}`);
console.log(`1..${number}`);
process.exit(failed ? 1 : 0);
