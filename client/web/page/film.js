// SPDX-License-Identifier: Apache-2.0
// film: the browser's video decoders, one for each region of a film. An access unit gives one picture,
// in order; a decoder that keeps one back or gives none in time counts as broken.
const ANSWER_MS = 1000; // a picture at 640 by 360 takes 2
const CODECS = new Map([[1, 'avc1.42E033'], [2, 'vp8']]); // H.264 constrained baseline, any size that we take
const PREFERENCES = ['no-preference', 'prefer-software']; // hardware decoders may take pictures and never answer

function config(codec, width, height, hardwareAcceleration) {
  return { codec: CODECS.get(codec), codedWidth: width, codedHeight: height, optimizeForLatency: true, hardwareAcceleration };
}

// Numbers of the codecs that this browser decodes, for HELLO.
export async function decodable() {
  if (typeof VideoDecoder === 'undefined') {
    return [];
  }
  const found = await Promise.all([...CODECS.keys()].map(async (codec) => {
    try {
      return (await VideoDecoder.isConfigSupported(config(codec, 640, 360, PREFERENCES[1]))).supported ? codec : 0;
    } catch {
      return 0;
    }
  }));
  return found.filter((codec) => codec !== 0);
}

class Region {
  #decoder;
  #answer = null; // {resolve, reject} of the picture that is being decoded
  #count = 0;

  constructor(codec, width, height, hardware) {
    Object.assign(this, { codec, width, height });
    this.#decoder = new VideoDecoder({
      output: (frame) => {
        if (this.#answer) {
          this.#answer.resolve(frame);
        } else {
          frame.close(); // it came after all
        }
      },
      error: (error) => this.#answer?.reject(error),
    });
    this.#decoder.configure(config(codec, width, height, hardware));
  }

  async decode(data, key) {
    let timer = 0;
    try {
      return await new Promise((resolve, reject) => {
        this.#answer = { resolve, reject };
        timer = setTimeout(() => reject(new Error('no picture in time')), ANSWER_MS);
        this.#decoder.decode(new EncodedVideoChunk({ type: key ? 'key' : 'delta', timestamp: this.#count++, data }));
      });
    } finally {
      clearTimeout(timer);
      this.#answer = null;
    }
  }

  close() {
    if (this.#decoder.state !== 'closed') {
      this.#decoder.close();
    }
  }
}

// The planes of a picture, without gaps: {planes, nv12}.
async function planesOf(frame, width, height) {
  const area = width * height;
  const layouts = {
    I420: [{ offset: 0, stride: width }, { offset: area, stride: width / 2 }, { offset: area * 5 / 4, stride: width / 2 }],
    NV12: [{ offset: 0, stride: width }, { offset: area, stride: width }],
  };
  const layout = layouts[frame.format];
  const { x, y, width: shown, height: rows } = frame.visibleRect;
  if (!layout || shown !== width || rows !== height) {
    throw new Error(`a picture of ${shown} by ${rows}, ${frame.format}`);
  }
  const planes = new Uint8Array(area * 3 / 2);
  await frame.copyTo(planes, { rect: { x, y, width, height }, layout });
  return { planes, nv12: frame.format === 'NV12' };
}

export class Films {
  #regions = new Map();
  #preference = 0;

  // {planes, nv12} of an access unit; throws when it does not decode: the region then waits for a key frame.
  async picture({ id, codec, width, height, key }, data) {
    let region = this.#regions.get(id);
    if (key && (!region || region.codec !== codec || region.width !== width || region.height !== height)) {
      this.end(id);
      region = new Region(codec, width, height, PREFERENCES[this.#preference]);
      this.#regions.set(id, region);
    }
    if (!region) {
      throw new Error('no key frame yet');
    }
    let frame = null;
    try {
      frame = await region.decode(data, key);
      return await planesOf(frame, width, height);
    } catch (error) {
      this.end(id);
      this.#preference = PREFERENCES.length - 1;
      throw error;
    } finally {
      frame?.close();
    }
  }

  end(id) {
    this.#regions.get(id)?.close();
    this.#regions.delete(id);
  }

  reset() {
    [...this.#regions.keys()].forEach((id) => this.end(id));
  }
}
