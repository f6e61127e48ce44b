// SPDX-License-Identifier: Apache-2.0
// records: cuts the bytes of a stream into records and writes ours. Every length is compared with
// the type's limit before memory is taken; nonsense throws and so ends that stream.
import * as k from './constants.js';

const HEADER = 8;
const MORE = 0x01; // a fragment; the next record of its channel goes on with it
const CRITICAL = 0x02;
const MAX_SKIPPED = 1 << 20; // of a type that we do not know
const limits = new Map(k.MESSAGES.map((message) => [message.type, message]));
const fromHost = 'HBG';

export class Nonsense extends Error {}

export class Framer {
  #chunks = [];
  #size = 0;
  #need = HEADER;
  #header = null;
  #parts = new Map(); // by channel: what came of a message in fragments

  push(bytes) {
    this.#chunks.push(bytes);
    this.#size += bytes.length;
  }

  // The next `size` bytes as one array of their own.
  #take(size) {
    const out = new Uint8Array(size);
    let at = 0;
    while (at < size) {
      const chunk = this.#chunks[0];
      const part = Math.min(chunk.length, size - at);
      out.set(part === chunk.length ? chunk : chunk.subarray(0, part), at);
      at += part;
      if (part === chunk.length) {
        this.#chunks.shift();
      } else {
        this.#chunks[0] = chunk.subarray(part);
      }
    }
    this.#size -= size;
    return out;
  }

  #readHeader() {
    const view = new DataView(this.#take(HEADER).buffer);
    const type = view.getUint16(0, true);
    const channel = view.getUint8(2);
    const flags = view.getUint8(3);
    const size = view.getUint32(4, true);
    const known = limits.get(type);
    const more = (flags & MORE) !== 0;
    const before = this.#parts.get(channel);
    if ((flags & ~(MORE | CRITICAL)) !== 0) {
      throw new Nonsense('unknown flags');
    }
    if (!known && (flags & CRITICAL) !== 0) {
      throw new Nonsense('unknown critical record');
    }
    if (known && !fromHost.includes(known.direction)) {
      throw new Nonsense(`${known.name} is not for us`);
    }
    if (more && (size === 0 || channel < k.CHANNEL.DISPLAY)) {
      throw new Nonsense('a fragment that may not be one');
    }
    if (before && (before.type !== type || before.critical !== (flags & CRITICAL))) {
      throw new Nonsense('another record among fragments');
    }
    if (size + (before?.size ?? 0) > (known ? known.maxBody : MAX_SKIPPED)) {
      throw new Nonsense('record too large');
    }
    return { type, channel, size, known, more, critical: flags & CRITICAL };
  }

  // Puts fragments together; the whole body, or null while more are to come.
  #join(header, body) {
    const before = this.#parts.get(header.channel);
    if (!before && !header.more) {
      return body;
    }
    const part = before ?? { type: header.type, critical: header.critical, size: 0, bodies: [] };
    part.size += body.length;
    if (header.known) {
      part.bodies.push(body);
    }
    this.#parts.set(header.channel, part);
    if (header.more) {
      return null;
    }
    this.#parts.delete(header.channel);
    const whole = new Uint8Array(header.known ? part.size : 0);
    let at = 0;
    for (const piece of part.bodies) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  // The next whole record {type, body}, or null; unknown ones are left out.
  next() {
    for (;;) {
      if (this.#size < this.#need) {
        return null;
      }
      if (!this.#header) {
        this.#header = this.#readHeader();
        this.#need = this.#header.size;
        continue;
      }
      const header = this.#header;
      const body = this.#join(header, this.#take(header.size));
      this.#header = null;
      this.#need = HEADER;
      if (header.known && body !== null) {
        return { type: header.type, body };
      }
    }
  }
}

// A record with `size` bytes of body, filled by write(view, at).
export function record(type, size, write) {
  const view = new DataView(new ArrayBuffer(HEADER + size));
  view.setUint16(0, type, true);
  view.setUint8(2, limits.get(type).channel);
  view.setUint32(4, size, true);
  write?.(view, HEADER);
  return new Uint8Array(view.buffer);
}

export function ticketRecord(ticket) {
  return record(k.TYPE.TICKET, ticket.length, (view, at) => {
    for (let i = 0; i < ticket.length; i++) {
      view.setUint8(at + i, ticket.charCodeAt(i));
    }
  });
}

// codecs: of films, by their numbers; have: HAVE follows at once; monitors: how many can be shown, if more than one.
export function helloRecord(codecs = [], have = false, monitors = 1) {
  const random = crypto.getRandomValues(new Uint8Array(9));
  // TLVs: tiles in zstd (windowLog 23), present times, fragments, JPEG, and one that nobody knows.
  const tlvs = [[1, 23], [8], [11], [3], [0x0a0a | ((random[8] & 7) << 12)]];
  if (codecs.length > 0) {
    tlvs.push([4, ...codecs]);
  }
  if (have) {
    tlvs.push([12]);
  }
  if (monitors > 1) {
    tlvs.push([13, monitors]);
  }
  const size = tlvs.reduce((sum, tlv) => sum + 3 + tlv.length, 16);
  return record(k.TYPE.HELLO, size, (view, at) => {
    view.setUint32(at, k.MAGIC, true);
    view.setUint16(at + 4, k.VERSION_MIN, true);
    view.setUint16(at + 6, k.VERSION_MAX, true);
    for (let i = 0; i < 8; i++) {
      view.setUint8(at + 8 + i, random[i]);
    }
    let next = at + 16;
    for (const [id, ...values] of tlvs) {
      view.setUint16(next, id, true);
      view.setUint16(next + 2, values.length, true);
      values.forEach((value, i) => view.setUint8(next + 4 + i, value));
      next += 4 + values.length;
    }
  });
}

export function haveRecord({ width, height, digests }) {
  return record(k.TYPE.HAVE, 4 + digests.length, (view, at) => {
    view.setUint16(at, width, true);
    view.setUint16(at + 2, height, true);
    new Uint8Array(view.buffer).set(digests, at + 4);
  });
}

// {monitors}: how many the desktop can have; 0 when the host does not know of that.
export function readHello(body) {
  let monitors = 0;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  if (body.length < 16 || view.getUint32(0, true) !== k.MAGIC) {
    throw new Nonsense('no hello');
  }
  const least = view.getUint16(4, true);
  const most = view.getUint16(6, true);
  if (least === 0 || least > most || least > k.VERSION_MAX || most < k.VERSION_MIN) {
    throw new Nonsense('no version in common');
  }
  for (let at = 16; at < body.length;) {
    if (body.length - at < 4) {
      throw new Nonsense('hello is cut off');
    }
    const id = view.getUint16(at, true);
    const size = view.getUint16(at + 2, true);
    if (size > body.length - at - 4) {
      throw new Nonsense('hello is cut off');
    }
    if ((id & 0x8000) !== 0 && ![1, 3, 4, 8, 11, 12, 13].includes(id & 0x7fff)) {
      throw new Nonsense('hello asks for what we do not know');
    }
    if ((id & 0x7fff) === 13) {
      if (size > 1 || (size === 1 && body[at + 4] === 0)) {
        throw new Nonsense('hello counts no monitors');
      }
      monitors = size === 0 ? 1 : Math.min(body[at + 4], k.MAX_MONITORS);
    }
    at += 4 + size;
  }
  return { monitors };
}

// {surface, areas}: an area {x, y, width, height} for each monitor, null for one that is dark.
export function readLayout(body) {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const count = body.length >= 3 ? view.getUint8(2) : 0;
  if (count === 0 || count > k.MAX_MONITORS || body.length !== 3 + count * 8) {
    throw new Nonsense('a layout of another length');
  }
  const areas = [];
  for (let at = 3; at < body.length; at += 8) {
    const [x, y, width, height] = [0, 2, 4, 6].map((field) => view.getUint16(at + field, true));
    const dark = x + y + width + height === 0;
    if (!dark && (width === 0 || height === 0 || x + width > k.MAX_SIDE || y + height > k.MAX_SIDE)) {
      throw new Nonsense('a monitor out of range');
    }
    areas.push(dark ? null : { x, y, width, height });
  }
  const lit = areas.filter((area) => area);
  const overlap = lit.some((a, i) => lit.slice(0, i).some((b) =>
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height));
  if (overlap || areas.at(-1) === null) {
    throw new Nonsense('monitors that cannot be so');
  }
  return { surface: view.getUint16(0, true), areas };
}

export function readGoaway(body) {
  if (body.length < 5) {
    throw new Nonsense('short goaway');
  }
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  return {
    reason: view.getUint8(0),
    retryMs: Math.min(view.getUint32(1, true), 10000),
    text: new TextDecoder().decode(body.subarray(5, 5 + k.MAX_TEXT)),
  };
}

export function readNotice(body) {
  if (body.length < 5) {
    throw new Nonsense('short notice');
  }
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  return {
    about: ['text', 'end', 'held', 'freed', 'newer'][view.getUint8(0) - 1] ?? 'text',
    seconds: view.getUint32(1, true),
    text: new TextDecoder().decode(body.subarray(5, 5 + k.MAX_TEXT)),
  };
}

export function goawayRecord(reason) {
  return record(k.TYPE.GOAWAY, 5, (view, at) => view.setUint8(at, reason));
}

export function sizeRecord({ width, height, scale }) {
  return record(k.TYPE.SET_SIZE, 6, (view, at) => {
    view.setUint16(at, width, true);
    view.setUint16(at + 2, height, true);
    view.setUint16(at + 4, scale, true);
  });
}

export function monitorsRecord(monitors) {
  return record(k.TYPE.MONITORS, 1 + monitors.length * 10, (view, at) => {
    view.setUint8(at, monitors.length);
    monitors.forEach(({ x, y, width, height, scale }, i) => [x, y, width, height, scale].forEach((value, field) =>
      view.setUint16(at + 1 + i * 10 + field * 2, value, true)));
  });
}

export function ackRecord(frame, decodeMs, presentMs, queued) {
  const eighths = (ms) => Math.max(0, Math.min(65535, Math.round(ms * 8)));
  return record(k.TYPE.ACK, 9, (view, at) => {
    view.setUint32(at, frame, true);
    view.setUint16(at + 4, eighths(decodeMs), true);
    view.setUint16(at + 6, eighths(presentMs), true);
    view.setUint8(at + 8, Math.min(queued, 255));
  });
}

// Input: one serial for all kinds, so that the host can say what the guest had when it drew.
export class InputWriter {
  #serial = 0;

  #write(type, size, write) {
    this.#serial = (this.#serial + 1) >>> 0;
    return record(type, 8 + size, (view, at) => {
      view.setUint32(at, this.#serial, true);
      view.setUint32(at + 4, Math.round(performance.now() * 1000) >>> 0, true);
      write(view, at + 8);
    });
  }

  // {kind, ...} as the page sends it; null when it is out of range.
  write(input) {
    const side = (value) => Math.max(0, Math.min(k.MAX_SIDE - 1, Math.round(value) || 0));
    const notch = (value) => Math.max(-32768, Math.min(32767, Math.round(value) || 0));
    switch (input.kind) {
      case 'key':
        if (!(input.code > 0 && input.code <= k.MAX_KEY)) {
          return null;
        }
        return this.#write(k.TYPE.KEY, 3, (view, at) => {
          view.setUint16(at, input.code, true);
          view.setUint8(at + 2, input.down ? 1 : 0);
        });
      case 'pointer':
        return this.#write(k.TYPE.POINTER, 4, (view, at) => {
          view.setUint16(at, side(input.x), true);
          view.setUint16(at + 2, side(input.y), true);
        });
      case 'button':
        if (!(input.button > 0 && input.button <= k.MAX_BUTTON)) {
          return null;
        }
        return this.#write(k.TYPE.BUTTON, 2, (view, at) => {
          view.setUint8(at, input.button);
          view.setUint8(at + 1, input.down ? 1 : 0);
        });
      case 'wheel':
        return this.#write(k.TYPE.WHEEL, 4, (view, at) => {
          view.setInt16(at, notch(input.dx), true);
          view.setInt16(at + 2, notch(input.dy), true);
        });
      case 'motion': {
        const distance = (value) => Math.max(-k.MAX_MOTION, Math.min(k.MAX_MOTION, Math.round(value) || 0));
        return this.#write(k.TYPE.MOTION, 4, (view, at) => {
          view.setInt16(at, distance(input.dx), true);
          view.setInt16(at + 2, distance(input.dy), true);
        });
      }
      case 'locks':
        return this.#write(k.TYPE.LOCKS, 1, (view, at) => view.setUint8(at, input.locks & 7));
      case 'text': {
        const bytes = new TextEncoder().encode(input.text);
        if (bytes.length === 0 || bytes.length > k.MAX_TYPED) {
          return null;
        }
        return this.#write(k.TYPE.TEXT, bytes.length, (view, at) => new Uint8Array(view.buffer).set(bytes, at));
      }
      case 'release':
        return record(k.TYPE.RELEASE_ALL, 0);
      default:
        return null;
    }
  }
}
