// SPDX-License-Identifier: Apache-2.0
// decoder: the native tile decoder as WebAssembly, painting into a canvas.
import * as k from './constants.js';

const TILE = 64;

export class Decoder {
  #codec;
  #canvas;
  #context;
  #image = null;
  width = 0;
  height = 0;

  static async load(canvas) {
    const { instance } = await WebAssembly.instantiateStreaming(fetch('/codec.wasm'), {});
    instance.exports._initialize();
    return new Decoder(instance.exports, canvas);
  }

  constructor(codec, canvas) {
    this.#codec = codec;
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d', { alpha: false, desynchronized: false });
  }

  // A new surface. The old picture stays on the canvas when the size is the same.
  resize(width, height) {
    const error = this.#codec.vedette_resize(width, height);
    if (error !== 0) {
      throw new Error(`surface: ${error}`);
    }
    this.#image = null;
    if (this.width !== width || this.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
      this.width = width;
      this.height = height;
    }
  }

  // Decodes a frame's operations; returns what paint() is to show, or throws.
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
  }

  // Whether the host's digest of the picture says that ours is another one.
  isWrong() {
    return this.#codec.vedette_verdict() === 2;
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
    const across = Math.ceil(this.width / TILE);
    for (let i = 0; i < count;) {
      const first = tiles[i];
      const row = Math.floor(first / across);
      let end = i + 1;
      while (end < count && tiles[end] === tiles[end - 1] + 1 && Math.floor(tiles[end] / across) === row) {
        end++;
      }
      this.#context.putImageData(
        image, 0, 0, (first % across) * TILE, row * TILE, (end - i) * TILE, TILE);
      i = end;
    }
    return count;
  }
}

export const isKey = (flags) => (flags & k.FRAME_KEY) !== 0;
