// What changes something: each request carries the token that this page was given.

import { $, say, mark, toast } from './dom.js';

export const allowed = document.body.dataset.actions === 'true';

// act asks for an action, and returns what came of it, or null.
export async function act(path, body) {
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Console-Token': document.body.dataset.token },
      body: JSON.stringify(body),
    });
    return await result(response);
  } catch (e) {
    toast(e.message, 'bad');
    return null;
  }
}

// alone does f for a button, but nothing while an f for it is in progress. The button
// looks disabled then, but is not: it would lose the focus.
export async function alone(button, f) {
  if (button.getAttribute('aria-disabled')) return;
  mark(button, 'aria-disabled', true);
  try {
    await f();
  } finally {
    mark(button, 'aria-disabled', null);
  }
}

const patience = 15000; // milliseconds that the server has for what is to be shown

// get asks for what is to be shown.
export async function get(path, query) {
  const signal = AbortSignal.timeout(patience);
  try {
    return await result(await fetch(path + '?' + new URLSearchParams(query), { signal }));
  } catch (e) {
    throw signal.aborted ? new Error(`The server has not answered within ${patience / 1000} s`) : e;
  }
}

async function result(response) {
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Error((answer && answer.error) || `The server says ${response.status}`);
  if (!answer) throw new Error('What came is no answer of the console: reload the page if there is a login in front of it');
  return answer;
}

// confirmed asks before what cannot be undone.
export function confirmed(text, yes) {
  const dialog = $('confirm');
  say($('confirm-text'), text);
  say($('confirm-yes'), yes);
  return new Promise((resolve) => {
    const answer = (sure) => {
      resolve(sure);
      dialog.close();
    };
    $('confirm-yes').onclick = () => answer(true);
    $('confirm-no').onclick = () => answer(false);
    // The event comes late: by then the dialog may have been opened for something else.
    dialog.onclose = () => { if (!dialog.open) resolve(false); };
    dialog.showModal();
    $('confirm-no').focus();
  });
}
