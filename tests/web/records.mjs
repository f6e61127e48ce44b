// SPDX-License-Identifier: Apache-2.0
// records.mjs CORPUS: records split at every byte, fragments, limits and noise; prints TAP.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { TYPE } from './constants.js';
import { keyCodes, keyOfCharacter } from './keys.js';
import { Framer, InputWriter, Nonsense, ackRecord, haveRecord, helloRecord, monitorsRecord, readGoaway, readHello, readLayout, sizeRecord,
  ticketRecord } from './records.js';

let number = 0;
let failed = 0;

function report(passed, text) {
  number += 1;
  failed += passed ? 0 : 1;
  console.log(`${passed ? 'ok' : 'not ok'} ${number} - ${text}`);
}

function raw(type, channel, flags, body) {
  const out = new Uint8Array(8 + body.length);
  const view = new DataView(out.buffer);
  view.setUint16(0, type, true);
  view.setUint8(2, channel);
  view.setUint8(3, flags);
  view.setUint32(4, body.length, true);
  out.set(body, 8);
  return out;
}

function join2(...parts) {
  return new Uint8Array(Buffer.concat(parts));
}

// All records of chunks as "type:hex", or the text of the error.
function read(...chunks) {
  const framer = new Framer();
  const found = [];
  try {
    for (const chunk of chunks) {
      framer.push(chunk);
      for (let next = framer.next(); next; next = framer.next()) {
        found.push(`${next.type}:${Buffer.from(next.body).toString('hex')}`);
      }
    }
  } catch (error) {
    return error instanceof Nonsense ? `nonsense: ${error.message}` : `error: ${error.stack}`;
  }
  return found.join(' ');
}

function refuses(parse, body) {
  try {
    parse(body);
    return false;
  } catch (error) {
    return error instanceof Nonsense;
  }
}

const ping = raw(TYPE.PING, 0, 0, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
const whole = join2(raw(TYPE.FRAME, 4, 1, Uint8Array.of(1, 2)), ping, raw(TYPE.FRAME, 4, 0, Uint8Array.of(3)),
  raw(999, 5, 0, Uint8Array.of(9, 9)), raw(TYPE.CURSOR_USE, 2, 0, Uint8Array.of(1, 0, 0, 0, 1)));
const wanted = `${TYPE.PING}:0102030405060708 ${TYPE.FRAME}:010203 ${TYPE.CURSOR_USE}:0100000001`;
report(read(whole) === wanted, 'fragments are put together, others come between them, unknown ones are left out');
let split = 0;
for (let at = 0; at <= whole.length; at++) {
  split += read(whole.subarray(0, at), whole.subarray(at)) === wanted ? 1 : 0;
}
report(split === whole.length + 1, 'wherever the bytes are split');
report(read(...[...whole].map((byte) => Uint8Array.of(byte))) === wanted, 'and when each comes alone');

for (const [text, bytes] of [
  ['an unknown critical record', raw(999, 5, 2, new Uint8Array(0))],
  ['an unknown flag', raw(TYPE.PING, 0, 4, new Uint8Array(8))],
  ['a record for the host', raw(TYPE.KEY, 1, 0, new Uint8Array(11))],
  ['a record for hosts and brokers', raw(TYPE.JSON, 0, 0, new Uint8Array(2))],
  ['a fragment of what is urgent', raw(TYPE.PING, 0, 1, new Uint8Array(8))],
  ['an empty fragment', raw(TYPE.FRAME, 4, 1, new Uint8Array(0))],
  ['another type among fragments', join2(raw(TYPE.FRAME, 4, 1, new Uint8Array(1)), raw(TYPE.SURFACE, 4, 0, new Uint8Array(6)))],
  ['a body above its limit', raw(TYPE.PING, 0, 0, new Uint8Array(9))],
  ['fragments above the limit together', join2(raw(TYPE.SURFACE, 4, 1, new Uint8Array(10)), raw(TYPE.SURFACE, 4, 0, new Uint8Array(10)))],
  ['a length of four gigabytes', Uint8Array.of(TYPE.FRAME, 0, 4, 0, 255, 255, 255, 255)],
]) {
  report(read(bytes).startsWith('nonsense'), `${text} is refused`);
}

const [corpus] = process.argv.slice(2);
const bad = readdirSync(corpus).map((name) => read(new Uint8Array(readFileSync(join(corpus, name)))))
  .filter((text) => text.startsWith('error'));
report(bad.length === 0, `the corpus of the native framer is read or refused ${bad[0] ?? ''}`);
let seed = 1;
const random = () => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return seed >>> 16;
};
let strange = '';
for (let round = 0; round < 20000 && !strange; round++) {
  const noise = new Uint8Array(whole);
  for (let i = 0; i < 1 + random() % 4; i++) {
    noise[random() % noise.length] = random();
  }
  const text = read(noise.subarray(0, random() % noise.length), noise);
  strange = text.startsWith('error') ? text : '';
  for (const parse of [readHello, readGoaway, readLayout]) {
    try {
      parse(noise.slice(0, random() % 40));
    } catch (error) {
      strange ||= error instanceof Nonsense ? '' : error.stack;
    }
  }
}
report(strange === '', `noise is refused in order ${strange}`);

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const input = new InputWriter();
report(hex(sizeRecord({ width: 1024, height: 768, scale: 120 })) === '2500010006000000000400037800', 'SET_SIZE is written as the table says');
report(hex(ackRecord(7, 1.5, 1e9, 0)) === '4200040009000000070000000c00ffff00', 'ACK counts in eighths and saturates');
report(hex(ticketRecord('ab')) === '10000000020000006162', 'so is TICKET');
const key = input.write({ kind: 'key', code: 30, down: true });
report(hex(key.subarray(0, 12)) === '200001000b00000001000000' && hex(key.subarray(16)) === '1e0001', 'a key has serial, time, code and direction');
report(hex(input.write({ kind: 'motion', dx: -300, dy: 9999 }).subarray(16)) === 'd4fe0010', 'a motion goes both ways and not too far');
report(hex(input.write({ kind: 'wheel', dx: -120, dy: 240 }).subarray(16)) === '88fff000', 'a wheel turns both ways');
report(input.write({ kind: 'key', code: 768, down: true }) === null && input.write({ kind: 'button', button: 6 }) === null, 'what is out of range is not sent');
const hello = helloRecord();
readHello(hello.subarray(8).slice());
report(hello.length === 45, 'our own HELLO can be read');
const again = helloRecord([1, 2], true);
readHello(again.subarray(8).slice());
report(Buffer.from(again.subarray(45)).toString('hex') === '0400020001020c000000', 'also the one with films and HAVE');
const counted = helloRecord([], false, 4).subarray(8).slice();
report(readHello(counted).monitors === 4 && readHello(hello.subarray(8).slice()).monitors === 0, 'and one that counts monitors, or says nothing of them');
counted[counted.length - 1] = 9;
report(readHello(counted).monitors === 4, 'more than four are four');
counted[counted.length - 1] = 0;
report(refuses(readHello, counted), 'none are nonsense');
report(hex(monitorsRecord([{ x: 0, y: 0, width: 1024, height: 768, scale: 120 }, { x: 1024, y: 100, width: 800, height: 600, scale: 240 }])) ===
  '290001001500000002' + '00000000000400037800' + '0004640020035802f000', 'MONITORS is written as the table says');
const layout = (...areas) => {
  const view = new DataView(new ArrayBuffer(3 + areas.length * 8));
  view.setUint16(0, 7, true);
  view.setUint8(2, areas.length);
  areas.flat().forEach((value, i) => view.setUint16(3 + i * 2, value, true));
  return new Uint8Array(view.buffer);
};
const two = readLayout(layout([0, 0, 0, 0], [0, 0, 800, 600], [800, 0, 640, 480]));
report(two.surface === 7 && two.areas[0] === null && two.areas[2].x === 800 && two.areas[2].height === 480, 'LAYOUT is read, a dark monitor too');
const wrong = { short: layout([0, 0, 8, 8]).slice(0, -1), long: new Uint8Array([...layout([0, 0, 8, 8]), 0]), empty: layout(), cut: Uint8Array.of(7, 0),
  five: layout(...[0, 1, 2, 3, 4].map((i) => [i * 8, 0, 8, 8])), overlapping: layout([0, 0, 8, 8], [7, 7, 8, 8]), 'dark at its end': layout([0, 0, 8, 8], [0, 0, 0, 0]),
  flat: layout([0, 0, 8, 0]), 'too wide': layout([16000, 0, 400, 8]) };
for (const [text, body] of Object.entries(wrong)) {
  report(refuses(readLayout, body), `a LAYOUT that is ${text} is refused`);
}
const have = haveRecord({ width: 130, height: 64, digests: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12) });
report(Buffer.from(have.subarray(8)).toString('hex') === '820040000102030405060708090a0b0c', 'HAVE is size and digests');
const writer = new InputWriter();
const bodyOf = (input) => Buffer.from(writer.write(input).subarray(16)).toString('hex');
report(bodyOf({ kind: 'locks', locks: 4 }) === '04', 'LOCKS is a bit mask');
report(bodyOf({ kind: 'text', text: '한' }) === 'ed959c', 'TEXT is UTF-8');
report(writer.write({ kind: 'text', text: '' }) === null && writer.write({ kind: 'text', text: 'x'.repeat(1025) }) === null,
  'of 1 to 1,024 bytes');

const codes = Object.values(keyCodes);
report(codes.every((code) => Number.isInteger(code) && code > 0 && code < 768), 'every key has a code');
const kernel = { KeyA: 30, KeyZ: 44, Digit0: 11, AltRight: 100, IntlBackslash: 86, IntlRo: 89, IntlYen: 124, Lang1: 122, Lang2: 123,
  NumpadEnter: 96, Pause: 119, ContextMenu: 127, F12: 88, F13: 183, ArrowUp: 103, MetaLeft: 125 };
report(Object.entries(kernel).every(([name, code]) => keyCodes[name] === code), 'the ones that people miss first are the kernel\'s');
const all = 'abcXYZ019-=!@#$%^&*()_+[]{};:\'"`~\\|,.<>/? \n\t';
report([...all].every((character) => keyOfCharacter(character)) && keyOfCharacter('가') === null, 'text becomes keys where there are keys');
console.log(`1..${number}`);
process.exit(failed ? 1 : 0);
