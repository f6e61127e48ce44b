// SPDX-License-Identifier: Apache-2.0
// api: the HTTPS calls. The cookie goes along by itself; no script ever sees it.
const TIMEOUT_MS = 45000;

// {status, body}; status 0 when the server could not be reached.
export async function call(path, body, timeoutMs = TIMEOUT_MS) {
  try {
    const response = await fetch(path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin', cache: 'no-store', redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const answer = await response.json();
    return { status: response.status, body: answer !== null && typeof answer === 'object' ? answer : {} };
  } catch {
    return { status: 0, body: {} };
  }
}
