/**
 * The script of the live page, as the browser receives it; the page's policy has its hash. It requests the
 * page again and replaces the sections that have changed, so that opened details, the focus and the file
 * field stay.
 */
export const LIVE_SCRIPT = `'use strict';
const POLL_MS = 1000;
const byId = (id) => document.getElementById(id);
const told = byId('told');
const say = (text) => {
  const line = document.createElement('p');
  line.textContent = text;
  told.prepend(line);
  while (told.children.length > 5) told.lastChild.remove();
};

const before = new Map([...document.querySelectorAll('section[data-live]')].map((one) => [one.id, one.innerHTML]));
const mine = new Map();
let etag = '';

function refresh(page) {
  const fresh = new DOMParser().parseFromString(page, 'text/html');
  for (const section of fresh.querySelectorAll('section[data-live]')) {
    const old = byId(section.id);
    if (!old || section.id === 'upload' || before.get(section.id) === section.innerHTML) continue;
    before.set(section.id, section.innerHTML);
    const open = [...old.querySelectorAll('details[open]')].map((one) => one.id);
    const active = old.contains(document.activeElement) ? document.activeElement : null;
    const focused = active?.closest('details');
    const link = active?.getAttribute('href');
    old.replaceWith(document.adoptNode(section));
    for (const id of open) byId(id)?.setAttribute('open', '');
    if (focused) byId(focused.id)?.querySelector('summary')?.focus();
    if (link) [...byId(section.id).querySelectorAll('a')].find((one) => one.getAttribute('href') === link)?.focus();
  }
  byId('period').textContent = fresh.getElementById('period').textContent;
  for (const one of document.querySelectorAll('[data-job]')) {
    const { job, is } = one.dataset;
    if (!mine.has(job) || is === 'on its way') continue;
    say(mine.get(job) + ': ' + one.textContent);
    mine.delete(job);
  }
}

async function poll() {
  try {
    if (!document.hidden) {
      const answer = await fetch('/', { headers: etag === '' ? {} : { 'if-none-match': etag } });
      if (answer.status === 200) {
        etag = answer.headers.get('etag') ?? '';
        refresh(await answer.text());
      }
      document.documentElement.removeAttribute('data-away');
    }
  } catch {
    if (!document.documentElement.hasAttribute('data-away')) say('The local cloud does not answer: it has been taken down.');
    document.documentElement.setAttribute('data-away', '');
  }
  setTimeout(poll, POLL_MS);
}
setTimeout(poll, POLL_MS);

async function send(file) {
  say(file.name + ': is being uploaded');
  try {
    const answer = await fetch('/uploads?name=' + encodeURIComponent(file.name), {
      method: 'POST',
      headers: { 'x-lamplighter': 'upload', 'content-type': 'application/octet-stream' },
      body: file,
    });
    const { jobId, key, error } = await answer.json();
    if (answer.status !== 201) return say(file.name + ': ' + error);
    mine.set(jobId, file.name);
    say(file.name + ': uploaded as ' + key);
  } catch (cause) {
    say(file.name + ': could not be uploaded: ' + cause.message);
  }
}

async function sendAll(files) {
  for (const file of files) await send(file);
}

const drop = byId('drop');
byId('upload-form').addEventListener('submit', (event) => event.preventDefault());
byId('file').addEventListener('change', (event) => {
  const files = [...event.target.files];
  event.target.value = '';
  void sendAll(files);
});
for (const name of ['dragover', 'dragleave', 'drop']) {
  // Beside the field a dropped file would replace the page.
  document.addEventListener(name, (event) => event.preventDefault());
  drop.addEventListener(name, (event) => drop.classList.toggle('over', name === 'dragover'));
}
drop.addEventListener('drop', (event) => void sendAll([...event.dataTransfer.files]));
`;
