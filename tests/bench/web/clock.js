// SPDX-License-Identifier: Apache-2.0
// clock: how long a client's scripts are at work on what has come: in the handlers of a WebSocket's
// messages and of images that are loaded. Runs in every page and worker before its own scripts.
globalThis.vedetteClock = (() => {
  const wrappers = new WeakMap();
  let depth = 0;
  let begun = 0;
  let total = 0;
  let bitmaps = 0;

  // Calls inside calls count once.
  function wrapped(handler) {
    if (typeof handler !== 'function') {
      return handler;
    }
    if (!wrappers.has(handler)) {
      wrappers.set(handler, function timed(...words) {
        if (depth++ === 0) {
          begun = performance.now();
        }
        try {
          return handler.apply(this, words);
        } finally {
          if (--depth === 0) {
            total += performance.now() - begun;
          }
        }
      });
    }
    return wrappers.get(handler);
  }

  function inherited(prototype, name) {
    for (let at = prototype; at; at = Object.getPrototypeOf(at)) {
      const found = Object.getOwnPropertyDescriptor(at, name);
      if (found) {
        return found;
      }
    }
    return null;
  }

  function watch(prototype, kind) {
    const property = inherited(prototype, `on${kind}`);
    Object.defineProperty(prototype, `on${kind}`, {
      configurable: true, enumerable: true,
      get() {
        return property.get.call(this);
      },
      set(handler) {
        property.set.call(this, wrapped(handler));
      },
    });
    for (const name of ['addEventListener', 'removeEventListener']) {
      const method = EventTarget.prototype[name];
      Object.defineProperty(prototype, name, {
        configurable: true, writable: true,
        value(what, handler, ...more) {
          return method.call(this, what, what === kind ? wrapped(handler) : handler, ...more);
        },
      });
    }
  }

  watch(WebSocket.prototype, 'message');
  if (typeof HTMLImageElement === 'function') {
    watch(HTMLImageElement.prototype, 'load');
  }
  // What goes on after one of these is not inside any handler: they are counted, so that nobody gains by them.
  const make = globalThis.createImageBitmap;
  globalThis.createImageBitmap = function createImageBitmap(...words) {
    bitmaps += 1;
    return make.apply(this, words);
  };

  return { read: () => ({ ms: total, bitmaps }) };
})();
