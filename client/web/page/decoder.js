// SPDX-License-Identifier: Apache-2.0
// decoder: the native tile decoder as WebAssembly, painting into the canvases of a wall.
import * as k from './constants.js';
import { Films, decodable } from './film.js';
import { Wall } from './wall.js';

const TILE = 64;

export class Decoder {
  #codec;
  #image = null;
  #resized = false; // and not yet shown
  #scratch = null; // where JPEG becomes pixels
  #turn = 0; // counts frames and surfaces: what was decoded for another one is dropped
  #films = new Films();
  wall = new Wall(); // who sees the picture
  codecs = []; // of films that this browser decodes
  filmFailed = false; // the last frame's did not decode: ask for a key frame
  width = 0;
  height = 0;

  static async load(canvas) {
    const { instance } = await WebAssembly.instantiateStreaming(fetch('/codec.wasm'), {});
    instance.exports._initialize();
    const decoder = new Decoder(instance.exports, canvas);
    decoder.codecs = await decodable();
    return decoder;
  }

  constructor(codec, canvas) {
    this.#codec = codec;
    this.wall.add(0, canvas);
  }

  // A new surface. The old picture stays where both overlap. later: its parts are not known yet, show() follows.
  resize(width, height, later = false) {
    const error = this.#codec.vedette_resize(width, height);
    if (error !== 0) {
      throw new Error(`surface: ${error}`);
    }
    this.#image = null;
    this.#turn += 1;
    this.#films.reset();
    this.width = width;
    this.height = height;
    this.#resized = true;
    if (!later) {
      this.show();
    }
  }

  // Which part of the surface each window shows, in their order; null or none: nothing. Without parts the first
  // one shows all of it. What was decoded and not painted when the last stream ended is shown now: the next
  // one may leave it out.
  show(areas = [{ x: 0, y: 0, width: this.width, height: this.height }]) {
    this.wall.show(this.#picture(), areas, this.#resized);
    this.#resized = false;
  }

  // What is shown, for HAVE: {width, height, digests}, or null before the first picture.
  have() {
    const at = this.#turn > 1 ? this.#codec.vedette_digests() : 0;
    if (at === 0) {
      return null;
    }
    const digests = new Uint8Array(this.#codec.memory.buffer, at, this.#codec.vedette_digest_count() * 4).slice();
    return { width: this.width, height: this.height, digests };
  }

  // Decodes a frame's operations, or throws. Returns null, or a promise when the browser has JPEG or a
  // film to decode: no other frame may be given and nothing painted before it is kept.
  decode(operations, key) {
    const at = this.#codec.vedette_input(operations.length);
    if (at === 0) {
      throw new Error('no memory');
    }
    new Uint8Array(this.#codec.memory.buffer, at, operations.length).set(operations);
    const error = this.#codec.vedette_frame(operations.length, key ? 1 : 0);
    if (error !== 0) {
      throw new Error(`frame: ${error}`);
    }
    this.#turn += 1;
    this.filmFailed = false;
    return this.#codec.vedette_jpeg_count() + this.#codec.vedette_film_count() > 0 ? this.#placeAll(at, this.#turn) : null;
  }

  async #placeAll(input, turn) {
    await this.#placeJpegs(input, turn);
    await this.#placeFilms(input, turn);
  }

  // The codec has looked at the headers. A film that does not decode is asked for anew, it ends nothing.
  async #placeFilms(input, turn) {
    const count = turn === this.#turn ? this.#codec.vedette_film_count() : 0;
    for (let i = 0; i < count; i++) {
      const [at, size, , , width, height, id, codec, key] = new Uint32Array(
        this.#codec.memory.buffer, this.#codec.vedette_film(i), 9);
      if (size === 0) {
        this.#films.end(id);
        continue;
      }
      const data = new Uint8Array(this.#codec.memory.buffer, input + at, size).slice();
      let picture;
      try {
        picture = await this.#films.picture({ id, codec, width, height, key: key !== 0 }, data);
      } catch {
        this.filmFailed = true;
        continue;
      }
      if (turn !== this.#turn) {
        return; // its stream has ended
      }
      this.#placePlanes(i, picture);
    }
  }

  #placePlanes(index, { planes, nv12 }) {
    const room = this.#codec.vedette_film_room(index);
    if (room === 0) {
      throw new Error('no memory');
    }
    new Uint8Array(this.#codec.memory.buffer, room, planes.length).set(planes);
    const error = this.#codec.vedette_film_done(index, nv12 ? 1 : 0);
    if (error !== 0) {
      throw new Error(`film: ${error}`);
    }
  }

  // The codec has walked each of them: baseline, of just that size, all together one surface at most.
  async #placeJpegs(input, turn) {
    const count = this.#codec.vedette_jpeg_count();
    for (let i = 0; i < count; i++) {
      const [at, size, , , width, height] = new Uint32Array(
        this.#codec.memory.buffer, this.#codec.vedette_jpeg(i), 6);
      const bytes = new Uint8Array(this.#codec.memory.buffer, input + at, size).slice();
      const bitmap = await createImageBitmap(
        new Blob([bytes], { type: 'image/jpeg' }), { colorSpaceConversion: 'none' });
      try {
        if (turn !== this.#turn) {
          return; // its stream has ended
        }
        if (bitmap.width !== width || bitmap.height !== height) {
          throw new Error('a JPEG of another size');
        }
        this.#place(i, bitmap);
      } finally {
        bitmap.close();
      }
    }
  }

  #place(index, bitmap) {
    const { width, height } = bitmap;
    if (!this.#scratch || this.#scratch.canvas.width < width || this.#scratch.canvas.height < height) {
      const canvas = new OffscreenCanvas(
        Math.max(width, this.#scratch?.canvas.width ?? 0), Math.max(height, this.#scratch?.canvas.height ?? 0));
      this.#scratch = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
    }
    this.#scratch.drawImage(bitmap, 0, 0);
    const { data } = this.#scratch.getImageData(0, 0, width, height);
    const room = this.#codec.vedette_jpeg_room(index);
    if (room === 0) {
      throw new Error('no memory');
    }
    new Uint8Array(this.#codec.memory.buffer, room, data.length).set(data);
    const error = this.#codec.vedette_jpeg_done(index);
    if (error !== 0) {
      throw new Error(`jpeg: ${error}`);
    }
  }

  // Whether the host's digest of the picture says that ours is another one.
  isWrong() {
    return this.#codec.vedette_verdict() === 2;
  }

  // Bytes so far: exact, reused, photo, film.
  mix() {
    return [0, 1, 2, 3].map((part) => this.#codec.vedette_mix(part));
  }

  // ImageData over the decoder's own memory, which may have moved since the last frame.
  #picture() {
    const memory = this.#codec.memory.buffer;
    const at = this.#codec.vedette_rgba();
    const pixels = this.#image?.data;
    if (!pixels || pixels.buffer !== memory || pixels.byteOffset !== at) {
      const bytes = new Uint8ClampedArray(memory, at, this.width * this.height * 4);
      this.#image = new ImageData(bytes, this.width, this.height);
    }
    return this.#image;
  }

  // Shows the tiles that the last frame changed, neighbours in one piece.
  paint() {
    const count = this.#codec.vedette_dirty_count();
    if (count === 0) {
      return 0;
    }
    const image = this.#picture();
    const tiles = new Uint32Array(
      this.#codec.memory.buffer, this.#codec.vedette_dirty_tiles(), count).slice().sort();
    for (const { column, row, across, down } of pieces(tiles, Math.ceil(this.width / TILE))) {
      this.wall.put(image, column * TILE, row * TILE, across * TILE, down * TILE);
    }
    return count;
  }
}

// Rectangles of tiles from their rising numbers: what follows in a row, and rows alike below each other.
function* pieces(tiles, width) {
  let piece = null;
  for (let i = 0; i < tiles.length;) {
    const column = tiles[i] % width;
    const row = Math.floor(tiles[i] / width);
    let across = 1;
    while (column + across < width && tiles[i + across] === tiles[i] + across) {
      across++;
    }
    if (piece && piece.column === column && piece.across === across && piece.row + piece.down === row) {
      piece.down++;
    } else {
      if (piece) {
        yield piece;
      }
      piece = { column, row, across, down: 1 };
    }
    i += across;
  }
  if (piece) {
    yield piece;
  }
}

export const isKey = (flags) => (flags & k.FRAME_KEY) !== 0;
