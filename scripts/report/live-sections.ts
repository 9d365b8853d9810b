import { linksOf } from './live-results';
import { type Markup, markup } from './markup';
import type { JobNow, Now } from './now';
import { section, table } from './parts';

/** The field for uploads; it works by the keyboard like any file field, dragging is for who likes it. */
export function uploadSection(taken: string): Markup {
  return section(
    'upload',
    'Upload',
    markup`<form id="upload-form">
      <div class="drop" id="drop">
        <label for="file">Choose files, or drop them here</label>
        <input type="file" id="file" multiple aria-describedby="taken" />
      </div>
      <p class="muted" id="taken">Taken are: ${taken}</p>
      <div id="told" role="status"></div>
    </form>`,
  );
}

export function nowSection({ instance, jobs }: Now): Markup {
  const state = (job: JobNow) =>
    markup`<span class="${job.is === 'failed' ? 'bad' : job.is === 'succeeded' ? 'good' : ''}" data-job="${job.jobId}" data-is="${job.is}">${job.text}${job.files && job.files.length > 0 ? markup`: ${linksOf(job.files, job.key)}` : undefined}</span>${
      job.progress === undefined
        ? undefined
        : markup` <progress max="1" value="${job.progress}" aria-label="Progress of ${job.key}"></progress>`
    }`;
  return section(
    'now',
    'Now',
    markup`<p>The instance is <strong id="instance-state">${instance}</strong>.</p>
      ${
        jobs.length === 0
          ? markup`<p class="muted">Nothing is open.</p>`
          : table(
              'Open jobs, and what was uploaded here',
              [{ head: 'Upload', kind: 'key' }, { head: 'What goes on' }],
              jobs.map((job) => [job.key, state(job)]),
            )
      }`,
  );
}
