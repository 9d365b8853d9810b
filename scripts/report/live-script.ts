/**
 * The script of the live page, as the browser receives it; the page's policy has its hash. It requests the page again and
 * replaces the sections that have changed, so that opened details, the focus and the file field stay.
 */
export const LIVE_SCRIPT = `'use strict';
const POLL_MS = 1000;
const byId = (id) => document.getElementById(id);
const messages = byId('messages');
const show = (text) => {
  const line = document.createElement('p');
  line.textContent = text;
  messages.prepend(line);
  while (messages.children.length > 5) messages.lastChild.remove();
};

const liveSections = (page) => [...page.querySelectorAll('section[data-live]')];
const before = new Map(liveSections(document).map((one) => [one.id, one.innerHTML]));
const mine = new Map();
let etag = '';

function refresh(page) {
  const fresh = new DOMParser().parseFromString(page, 'text/html');
  for (const section of liveSections(fresh)) {
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
    const links = [...byId(section.id).querySelectorAll('a')];
    if (link) links.find((one) => one.getAttribute('href') === link)?.focus();
  }
  byId('period').textContent = fresh.getElementById('period').textContent;
  for (const one of document.querySelectorAll('[data-job]')) {
    const { job, is } = one.dataset;
    if (!mine.has(job) || is === 'on its way') continue;
    show(mine.get(job) + ': ' + one.textContent);
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
    const page = document.documentElement;
    if (!page.hasAttribute('data-away')) show('The local cloud does not answer: it has been stopped.');
    page.setAttribute('data-away', '');
  }
  setTimeout(poll, POLL_MS);
}
setTimeout(poll, POLL_MS);

async function send(file) {
  show(file.name + ': uploading');
  try {
    const answer = await fetch('/uploads?name=' + encodeURIComponent(file.name), {
      method: 'POST',
      headers: { 'x-lamplighter': 'upload', 'content-type': 'application/octet-stream' },
      body: file,
    });
    const { jobId, key, error } = await answer.json();
    if (answer.status !== 201) return show(file.name + ': ' + error);
    mine.set(jobId, file.name);
    show(file.name + ': uploaded as ' + key);
  } catch (cause) {
    show(file.name + ': upload failed: ' + cause.message);
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
  // Without this, a file dropped outside the field would replace the page.
  document.addEventListener(name, (event) => event.preventDefault());
  drop.addEventListener(name, (event) => drop.classList.toggle('over', name === 'dragover'));
}
drop.addEventListener('drop', (event) => void sendAll([...event.dataTransfer.files]));
`;
