import { linksOf } from './live-results';
import { type Markup, markup } from './markup';
import type { JobNow, Now } from './now';
import { section, table } from './parts';

/** The field for uploads. It works by the keyboard like any file field, and accepts dropped files too. */
export function uploadSection(accepted: string): Markup {
  return section(
    'upload',
    'Upload',
    markup`<form id="upload-form">
      <div class="drop" id="drop">
        <label for="file">Choose files, or drop them here</label>
        <input type="file" id="file" multiple aria-describedby="accepted" />
      </div>
      <p class="muted" id="accepted">Accepted: ${accepted}</p>
      <div id="messages" role="status"></div>
    </form>`,
  );
}

export function nowSection({ instance, jobs }: Now): Markup {
  return section(
    'now',
    'Now',
    markup`<p>The instance is <strong id="instance-state">${instance}</strong>.</p>
      ${
        jobs.length === 0
          ? markup`<p class="muted">No job is open.</p>`
          : table(
              'Open jobs, and uploads from this page',
              [['Upload', 'key'], ['State']],
              jobs.map((job) => [job.key, jobState(job)]),
            )
      }`,
  );
}

/** The CSS class of a job's text. */
const STATE_CLASS = { succeeded: 'good', failed: 'bad', 'on its way': '' } as const;

function jobState({ jobId, key, is, text, files = [], progress }: JobNow): Markup {
  const links = files.length === 0 ? undefined : markup`: ${linksOf(files, key)}`;
  const attributes = markup`class="${STATE_CLASS[is]}" data-job="${jobId}" data-is="${is}"`;
  return markup`<span ${attributes}>${text}${links}</span>${progressBar(key, progress)}`;
}

function progressBar(key: string, progress: number | undefined): Markup | undefined {
  if (progress === undefined) return undefined;
  return markup` <progress max="1" value="${progress}" aria-label="Progress of ${key}"></progress>`;
}
