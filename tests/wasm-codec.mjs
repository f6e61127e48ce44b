// SPDX-License-Identifier: Apache-2.0
// wasm-codec.mjs CODEC.wasm CONSTANTS.mjs VECTORS: decodes the golden traces with the WebAssembly
// decoder and prints TAP. The digests were computed from the source pictures, and the native
// decoder is held to the same ones by test-vectors: equal digests are equal bytes.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [wasm, constants, vectors] = process.argv.slice(2);
const { TYPE, ERROR, FRAME_KEY } = await import(pathToFileURL(constants));
const module = new WebAssembly.Module(readFileSync(wasm));
let number = 0;
let failed = 0;

function report(passed, text) {
  number += 1;
  failed += passed ? 0 : 1;
  console.log(`${passed ? 'ok' : 'not ok'} ${number} - ${text}`);
}

function start() {
  const { exports } = new WebAssembly.Instance(module, {});
  exports._initialize();
  return exports;
}

function* records(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length;) {
    const size = view.getUint32(at + 4, true);
    yield { type: view.getUint16(at, true), body: bytes.subarray(at + 8, at + 8 + size) };
    at += 8 + size;
  }
}

function decode(codec, body) {
  const ops = body.subarray(15);
  const pointer = codec.vedette_input(ops.length);
  new Uint8Array(codec.memory.buffer).set(ops, pointer);
  return codec.vedette_frame(ops.length, body[14] & FRAME_KEY);
}

function rgbaFits(bgrx, rgba) {
  for (let i = 0; i < bgrx.length; i += 4) {
    if (rgba[i] !== bgrx[i + 2] || rgba[i + 1] !== bgrx[i + 1] || rgba[i + 2] !== bgrx[i]
      || rgba[i + 3] !== 255) {
      return false;
    }
  }
  return true;
}

function replay(name) {
  const codec = start();
  const digests = readFileSync(`${vectors}/${name}.digests`, 'utf8').trim().split('\n');
  let pixels = 0;
  let frame = 0;
  let wrong = '';
  for (const { type, body } of records(readFileSync(`${vectors}/${name}.vdp`))) {
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    if (type === TYPE.SURFACE) {
      const [width, height] = [view.getUint16(2, true), view.getUint16(4, true)];
      pixels = width * height * 4;
      wrong ||= codec.vedette_resize(width, height) === 0 ? '' : `resize before frame ${frame}`;
    } else if (type === TYPE.FRAME) {
      const error = decode(codec, body);
      const memory = new Uint8Array(codec.memory.buffer);
      const bgrx = memory.subarray(codec.vedette_pixels(), codec.vedette_pixels() + pixels);
      const rgba = memory.subarray(codec.vedette_rgba(), codec.vedette_rgba() + pixels);
      const digest = createHash('sha256').update(bgrx).digest('hex').slice(0, 16);
      if (error !== 0 || codec.vedette_verdict() === 2 || digest !== digests[frame] || !rgbaFits(bgrx, rgba)) {
        wrong ||= `frame ${frame}: error ${error}, digest ${digest}, expected ${digests[frame]}`;
      }
      frame += 1;
    }
  }
  wrong ||= frame === digests.length ? '' : `${frame} frames, ${digests.length} digests`;
  report(wrong === '', `${name}: ${frame} frames are bit-exact${wrong && ` (${wrong})`}`);
}

function corrupt() {
  const codec = start();
  const list = [...records(readFileSync(`${vectors}/desktop.vdp`))];
  const frame = list.find((record) => record.type === TYPE.FRAME).body;
  const short = frame.subarray(0, frame.length - 1);
  report(codec.vedette_resize(0, 1) === ERROR.RANGE, 'a surface without pixels is refused');
  report(codec.vedette_resize(65537, 1) === ERROR.RANGE, 'a size above 16 bit is refused');
  report(codec.vedette_input(2 ** 26 + 1) === 0, 'input above the limit of a FRAME gets no room');
  codec.vedette_resize(160, 120);
  report(decode(codec, short) < 0, 'a frame cut short is refused');
  report(decode(codec, frame) === 0, 'a key frame mends the stream');
  report(codec.vedette_dirty_count() === 6, 'every tile of it is dirty');
}

/* The browser decodes JPEG: the codec hands it out and takes pixels back. */
function jpeg() {
  const codec = start();
  const seed = readFileSync(`${vectors}/../../fuzz/corpus/tiles/jpeg`);
  const ops = seed.subarray(5, 5 + seed.readUInt16LE(3));
  codec.vedette_resize(seed[0], seed[1]);
  const input = codec.vedette_input(ops.length);
  new Uint8Array(codec.memory.buffer).set(ops, input);
  report(codec.vedette_frame(ops.length, seed[2]) === 0, 'a frame with a JPEG is taken');
  report(codec.vedette_jpeg_count() === 1, 'it has one');
  const [data, size, x, y, width, height] =
    new Uint32Array(codec.memory.buffer, codec.vedette_jpeg(0), 6);
  const bytes = new Uint8Array(codec.memory.buffer, input + data, size);
  report(bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[size - 1] === 0xd9, 'its bytes are whole');
  report(x === 0 && y === 0 && width === 128 && height === 128, 'its place is right');
  const room = codec.vedette_jpeg_room(0);
  new Uint8Array(codec.memory.buffer).fill(0, room, room + width * height * 4);
  new Uint8Array(codec.memory.buffer).set([1, 2, 3], room + (width + 2) * 4);
  report(codec.vedette_jpeg_done(0) === 0 && codec.vedette_jpeg_done(1) < 0, 'pixels come back');
  const memory = new Uint8Array(codec.memory.buffer);
  const at = (width + 2) * 4;
  const bgrx = memory.subarray(codec.vedette_pixels() + at, codec.vedette_pixels() + at + 4);
  const rgba = memory.subarray(codec.vedette_rgba() + at, codec.vedette_rgba() + at + 4);
  report(bgrx.join() === '3,2,1,255' && rgba.join() === '1,2,3,255', 'and stand in the picture');
}

const names = readdirSync(vectors).filter((name) => name.endsWith('.vdp'))
  .map((name) => name.slice(0, -4)).sort();
report(names.length > 0, 'there are golden traces');
names.forEach(replay);
corrupt();
jpeg();
console.log(`1..${number}`);
process.exitCode = failed === 0 ? 0 : 1;
