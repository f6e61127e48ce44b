// SPDX-License-Identifier: Apache-2.0
// i18n: the texts of po/, made into JSON when the program is built. English needs no catalogue.
const languages = ['en', 'ko'];
const KEY = 'vedette.language';
let texts = {};
let theme = { Title: 'Vedette' };
export let language = 'en';

function wanted() {
  let kept = null;
  try {
    kept = localStorage.getItem(KEY);
  } catch {
    // storage may be forbidden; then the browser's language it is
  }
  const list = kept ? [kept] : navigator.languages ?? [navigator.language];
  const found = list.map((tag) => tag.toLowerCase().split('-')[0]).find((tag) => languages.includes(tag));
  return found ?? 'en';
}

async function read(path) {
  const response = await fetch(path);
  return response.ok ? response.json() : {};
}

export async function load() {
  language = wanted();
  const [catalogue, themeTexts] = await Promise.all([
    language === 'en' ? {} : read(`/${language}.json`), read('/theme.json')]);
  texts = catalogue;
  theme = { ...theme, ...themeTexts };
  document.documentElement.lang = language;
  document.title = themed('Title');
}

export async function choose(tag) {
  try {
    localStorage.setItem(KEY, tag);
  } catch {
    // it then lasts as long as the page does not
  }
  await load();
}

// The translation, with %s, %u and %.1f replaced by the arguments in order, and %% by one %.
export function _(text, ...values) {
  const own = Object.hasOwn(texts, text) ? texts[text] : text;
  return own.replace(/%(?:%|(?:\.(\d))?[suf])/g, (found, digits) => {
    if (found === '%%') {
      return '%';
    }
    const value = values.shift();
    return digits === undefined ? String(value) : Number(value).toFixed(Number(digits));
  });
}

export const themed = (key) => theme[`${key}[${language}]`] ?? theme[key] ?? '';
