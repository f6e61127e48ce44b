// SPDX-License-Identifier: Apache-2.0
// worker: one desktop's stream and decoder, away from the page's thread. A frame goes from the
// socket to the canvas within one task here; the page sends input and hears what happened.
import { atMost } from './arrange.js';
import * as k from './constants.js';
import { Decoder, isKey } from './decoder.js';
import * as r from './records.js';

const TICK_MS = 500;
const PING_MS = 3000; // of silence
const RTT_MS = 2000; // between two PINGs while pictures come: they show the round trip
const DEAD_MS = 5500; // with the tick at most 6 s
const HELLO_MS = 20000;
const CONNECT_MS = 5000;
const DECODE_MS = 5000; // of the browser for one frame's JPEG and films
const MAX_WAITING = 64 * 1024 * 1024; // bytes that come meanwhile
const LAYOUT_MS = 3000; // a desktop takes its time to follow
const FRAME_HEAD = 15;

let decoder = null;
let stream = null;
let wanted = null; // the monitors of all windows, in their order
let canShow = 1; // monitors
const totals = { frames: 0, bytes: 0, hostMs: 0, decodeMs: 0, presentMs: 0, rttMs: 0, wrong: 0 };

class Stream {
  #socket;
  #framer = new r.Framer();
  #input = new r.InputWriter();
  #ticket;
  #tick;
  #started = performance.now();
  #heard = this.#started;
  #pinged = this.#started;
  #pingedFrames = 0;
  #opened = false;
  #decoding = null; // since when records wait for a frame's JPEG or film
  #waiting = 0; // bytes that came while some waited
  #monitors = 0; // that the desktop can have; 0: no LAYOUT will come
  #surfaceId = 0;
  #told = null; // its monitors' parts as the host said; null: not yet
  #areas = null; // of the windows that there are
  #settle = 0; // timer: what was asked for may change nothing, and then no LAYOUT comes
  live = false;

  constructor(url, ticket) {
    this.#ticket = ticket;
    this.#socket = new WebSocket(url, 'vdp.v1');
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.onopen = () => this.#open();
    this.#socket.onmessage = (event) => this.#data(event.data);
    this.#socket.onclose = () => this.end({ cause: 'lost', text: '' });
    this.#tick = setInterval(() => this.#check(), TICK_MS);
  }

  send(bytes) {
    if (this.#opened && bytes && this.#socket.readyState === WebSocket.OPEN) {
      this.#socket.send(bytes);
    }
  }

  input(message) {
    if (this.live) {
      this.send(this.#input.write(message));
    }
  }

  // Drops the socket without waiting for the other end, who may be gone.
  end(how) {
    clearInterval(this.#tick);
    clearTimeout(this.#settle);
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    if (stream === this) {
      stream = null;
      postMessage({ kind: 'closed', ...how });
    }
  }

  #open() {
    this.#opened = true;
    this.#heard = performance.now();
    this.send(r.ticketRecord(this.#ticket));
    this.#ticket = '';
    const have = decoder.have();
    this.send(r.helloRecord(decoder.codecs, have !== null, canShow));
    if (have) {
      this.send(r.haveRecord(have));
    }
  }

  #check() {
    const now = performance.now();
    if (!this.live) {
      if (now - this.#started > (this.#opened ? HELLO_MS : CONNECT_MS)) {
        this.end({ cause: 'lost', text: 'no desktop answered' });
      }
      return;
    }
    if (this.#decoding !== null && now - this.#decoding > DECODE_MS) {
      this.end({ cause: 'lost', text: 'the browser does not decode a picture' });
      return;
    }
    // A tab that slept has sent no PING: it asks first.
    if (now - this.#heard > DEAD_MS && now - this.#pinged < DEAD_MS) {
      this.end({ cause: 'lost', text: 'nothing heard for 6 s' });
      return;
    }
    if (now - Math.max(this.#heard, this.#pinged) >= PING_MS ||
        (now - this.#pinged >= RTT_MS && totals.frames !== this.#pingedFrames)) {
      this.#pinged = now;
      this.#pingedFrames = totals.frames;
      this.send(r.record(k.TYPE.PING, 8, (view, at) => view.setFloat64(at, now, true)));
    }
    postMessage({ kind: 'stats', ...totals, mix: decoder.mix() });
  }

  #data(data) {
    if (!(data instanceof ArrayBuffer)) {
      this.end({ cause: 'nonsense', text: 'text on the stream' });
      return;
    }
    this.#heard = performance.now();
    totals.bytes += data.byteLength;
    try {
      this.#framer.push(new Uint8Array(data));
    } catch (error) {
      this.#nonsense(error);
      return;
    }
    if (this.#decoding === null) {
      this.#drain();
      return;
    }
    this.#waiting += data.byteLength;
    if (this.#waiting > MAX_WAITING) {
      this.#nonsense(new r.Nonsense('more than may wait'));
    }
  }

  #nonsense(error) {
    this.send(r.goawayRecord(5));
    this.end({ cause: 'nonsense', text: String(error.message) });
  }

  // Takes records in their order; whatever stands behind a frame with JPEG or a film waits until it is shown.
  #drain() {
    try {
      for (let next = this.#framer.next(); next && stream === this; next = this.#framer.next()) {
        const shown = this.#record(next.type, next.body);
        if (shown) {
          this.#decoding = performance.now();
          shown.then(() => this.#resume(), (error) => this.#resume(error));
          return;
        }
      }
      this.#waiting = 0;
    } catch (error) {
      this.#nonsense(error);
    }
  }

  #resume(error) {
    this.#decoding = null;
    if (stream !== this) {
      return; // it ended meanwhile
    }
    if (error) {
      this.#nonsense(error);
    } else {
      this.#drain();
    }
  }

  // A promise when what follows must wait.
  #record(type, body) {
    const view = new DataView(body.buffer, body.byteOffset, body.length);
    if (!this.live && type !== k.TYPE.HELLO && type !== k.TYPE.GOAWAY &&
        type !== k.TYPE.PING && type !== k.TYPE.PONG) {
      throw new r.Nonsense('a record before hello');
    }
    switch (type) {
      case k.TYPE.HELLO:
        this.#hello(body);
        break;
      case k.TYPE.GOAWAY:
        this.end({ cause: 'goaway', ...r.readGoaway(body) });
        break;
      case k.TYPE.PING:
        this.send(r.record(k.TYPE.PONG, body.length, (out, at) => new Uint8Array(out.buffer).set(body, at)));
        break;
      case k.TYPE.PONG:
        this.#pong(view.getFloat64(0, true));
        break;
      case k.TYPE.NOTICE:
        postMessage({ kind: 'notice', ...r.readNotice(body) });
        break;
      case k.TYPE.SURFACE:
        this.#surface(view.getUint16(0, true), view.getUint16(2, true), view.getUint16(4, true));
        break;
      case k.TYPE.LAYOUT:
        this.#layout(r.readLayout(body));
        break;
      case k.TYPE.FRAME:
        return this.#frame(view, body);
      case k.TYPE.CURSOR_SHAPE:
        this.#shape(view, body);
        break;
      case k.TYPE.CURSOR_USE:
        postMessage({ kind: 'cursor-use', id: view.getUint32(0, true), visible: view.getUint8(4) !== 0 });
        break;
      default: // CURSOR_WARP: a page cannot move the pointer
    }
    return null;
  }

  #hello(body) {
    if (this.live) {
      throw new r.Nonsense('a second hello');
    }
    this.#monitors = r.readHello(body).monitors;
    this.live = true;
    this.wish();
    postMessage({ kind: 'live', monitors: this.#monitors });
  }

  // Asks for the monitors that are wanted, as many as the desktop can have.
  wish() {
    if (!this.live || wanted === null) {
      return;
    }
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => this.settle(), LAYOUT_MS);
    const monitors = atMost(wanted, this.#monitors);
    this.send(monitors.length > 1 ? r.monitorsRecord(monitors) : r.sizeRecord(monitors[0]));
  }

  #pong(stamp) {
    const rtt = performance.now() - stamp;
    if (rtt >= 0 && rtt < 60000) {
      totals.rttMs = rtt;
    }
  }

  #surface(id, width, height) {
    if (width === 0 || height === 0 || width > k.MAX_SIDE || height > k.MAX_SIDE) {
      throw new r.Nonsense('surface out of range');
    }
    this.#surfaceId = id;
    const later = this.#monitors > 0 && decoder.wall.count > 1;
    decoder.resize(width, height, later); // later: which window shows what of it, its LAYOUT says
    this.#told = later ? null : [{ x: 0, y: 0, width, height }];
    this.settle();
  }

  #layout({ surface, areas }) {
    if (surface === this.#surfaceId) {
      clearTimeout(this.#settle);
      this.#told = areas;
      this.settle();
    }
  }

  // What the host said is about the windows that there are now.
  settle() {
    this.#areas = this.#told && [...this.#told];
    this.#showAreas();
  }

  #showAreas() {
    if (this.#areas === null) {
      return;
    }
    const { width, height, wall } = decoder;
    // A single window shows all when its monitor is dark.
    const areas = this.#areas[0] === null && wall.count === 1 ? [{ x: 0, y: 0, width, height }] : this.#areas;
    decoder.show(areas);
    postMessage({ kind: 'layout', areas });
  }

  // The window that is the last one now: its part may be known already.
  added() {
    this.#showAreas();
  }

  // Those behind it move up; until the next LAYOUT they show what they showed.
  removed(index) {
    this.#areas?.splice(index, 1);
    this.#showAreas();
  }

  #frame(view, body) {
    const before = performance.now();
    const jpegs = decoder.decode(body.subarray(FRAME_HEAD), isKey(view.getUint8(14)));
    if (jpegs === null) {
      this.#show(view, before);
      return null;
    }
    return jpegs.then(() => {
      if (stream === this) {
        this.#show(view, before);
      }
    });
  }

  #show(view, before) {
    const decoded = performance.now();
    const tiles = decoder.paint();
    const shown = performance.now();
    const wrong = decoder.isWrong();
    totals.wrong += wrong ? 1 : 0;
    if (wrong || decoder.filmFailed) {
      this.send(r.record(k.TYPE.REFRESH, 0));
    }
    this.send(r.ackRecord(view.getUint32(0, true), decoded - before, shown - decoded, 0));
    totals.frames += 1;
    totals.hostMs = view.getUint32(8, true) / 1000;
    totals.decodeMs = decoded - before;
    totals.presentMs = shown - decoded;
    postMessage({
      kind: 'frame', id: view.getUint32(0, true), settled: (view.getUint8(14) & k.FRAME_SETTLED) !== 0, tiles,
    });
  }

  #shape(view, body) {
    const width = view.getUint16(4, true);
    const height = view.getUint16(6, true);
    if (width === 0 || height === 0 || width > k.MAX_CURSOR || height > k.MAX_CURSOR ||
        body.length !== 12 + width * height * 4) {
      throw new r.Nonsense('cursor out of range');
    }
    const pixels = body.slice(12);
    postMessage({
      kind: 'cursor-shape', id: view.getUint32(0, true), width, height,
      hotX: view.getUint16(8, true), hotY: view.getUint16(10, true), pixels,
    }, [pixels.buffer]);
  }
}

const commands = {
  async start({ canvas, monitors }) {
    canShow = monitors;
    try {
      decoder = await Decoder.load(canvas);
      postMessage({ kind: 'ready' });
    } catch (error) {
      postMessage({ kind: 'failed', text: String(error.message) });
    }
  },
  dial({ url, ticket }) {
    stream?.end({});
    stream = new Stream(url, ticket);
  },
  monitors({ monitors }) {
    const changed = JSON.stringify(monitors) !== JSON.stringify(wanted);
    wanted = monitors;
    if (changed) {
      stream?.wish();
    } else {
      stream?.settle();
    }
  },
  window({ id, canvas }) {
    decoder.wall.add(id, canvas);
    stream?.added();
  },
  gone({ id }) {
    stream?.removed(decoder.wall.remove(id));
  },
  input({ input }) {
    stream?.input(input);
  },
  hangup() {
    const old = stream;
    stream = null;
    if (old) {
      old.input({ kind: 'release' });
      old.send(r.goawayRecord(1));
      old.end({});
    }
  },
  quit() {
    setTimeout(() => close(), 1000); // the farewell is on its way
  },
};

onmessage = (event) => commands[event.data.kind](event.data);
