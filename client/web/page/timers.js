// SPDX-License-Identifier: Apache-2.0
// timers: of a window that can be seen. Browsers let the timers of a page that is hidden stand still for up to a
// minute, but somebody may be at work in another window of the same desktop, which this page's scripts serve.
const views = new Set([globalThis]);
const pending = new Map(); // {then, due, view, id} by number
let last = 0;

const seen = () => [...views].find((view) => view.document?.visibilityState === 'visible') ?? globalThis;

function arm(number, timer, ms) {
  timer.view = seen();
  timer.id = timer.view.setTimeout(() => {
    pending.delete(number);
    timer.then();
  }, ms);
}

function moveAll() {
  const view = seen();
  for (const [number, timer] of pending) {
    if (timer.view !== view) {
      timer.view.clearTimeout(timer.id);
      arm(number, timer, Math.max(0, timer.due - performance.now()));
    }
  }
}

// As setTimeout(): a number above 0 for cancel().
export function after(ms, then) {
  const timer = { then, due: performance.now() + ms };
  last += 1;
  pending.set(last, timer);
  arm(last, timer, ms);
  return last;
}

export function cancel(number) {
  const timer = pending.get(number);
  timer?.view.clearTimeout(timer.id);
  pending.delete(number);
}

// A further window of the desktop, until it goes: what waits in it then goes on in another one.
export function addView(view) {
  views.add(view);
  view.document.addEventListener('visibilitychange', moveAll);
}

export function removeView(view) {
  views.delete(view);
  moveAll();
}

globalThis.document?.addEventListener('visibilitychange', moveAll);
