// SPDX-License-Identifier: Apache-2.0
// timers.mjs: timers go to a window that can be seen, and on when it goes; prints TAP.
let number = 0;
let failed = 0;

function report(passed, text) {
  number += 1;
  failed += passed ? 0 : 1;
  console.log(`${passed ? 'ok' : 'not ok'} ${number} - ${text}`);
}

// A window whose timers are called by hand.
class View extends EventTarget {
  timers = new Map();
  document = Object.assign(new EventTarget(), { visibilityState: 'visible' });

  setTimeout(then, ms) {
    const id = Symbol('timer');
    this.timers.set(id, { then, ms });
    return id;
  }

  clearTimeout(id) {
    this.timers.delete(id);
  }

  show(state) {
    this.document.visibilityState = state;
    this.document.dispatchEvent(new Event('visibilitychange'));
  }

  fire() {
    const [[id, { then }]] = this.timers;
    this.timers.delete(id);
    then();
  }
}

const main = new View();
Object.assign(globalThis, {
  document: main.document, setTimeout: (...all) => main.setTimeout(...all), clearTimeout: (id) => main.clearTimeout(id),
});
const { addView, after, cancel, removeView } = await import('./timers.js');
let calls = [];
const counts = (...views) => views.map((view) => view.timers.size).join();

const first = after(100, () => calls.push('first'));
report(first > 0 && counts(main) === '1', 'with one window its own timers are used');
main.fire();
report(calls.join() === 'first', 'and call');
cancel(after(100, () => calls.push('never')));
cancel(first);
cancel(0);
report(counts(main) === '0', 'what is cancelled waits no longer, and nothing is cancelled twice');

const further = new View();
addView(further);
after(100, () => calls.push('moved'));
main.show('hidden');
report(counts(main, further) === '0,1', 'when the page is hidden its timers go to a window that can be seen');
report([...further.timers.values()][0].ms <= 100, 'for what is left of their time');
after(100, () => calls.push('further'));
report(counts(main, further) === '0,2', 'where new ones begin, too');
further.fire();
removeView(further);
report(counts(main, further) === '1,0', 'when that one goes they come back, even to a hidden page');
main.fire();
report(calls.join() === 'first,moved,further', 'and each calls once');
calls = [];
report(counts(main, further) === '0,0', 'and none is left');
console.log(`1..${number}`);
process.exit(failed ? 1 : 0);
