import { rm } from 'node:fs/promises';
import { messageOf } from '../../../lifecycle/errors';
import type { LocalCloud } from '../../../local-cloud/cloud';
import type { LocalRun } from '../../../local-cloud/local-run';
import type { Steps } from '../../console/steps';
import { duration } from '../../console/terminal';
import type { LiveServer } from '../../report/live-server';
import type { Children } from '../../tools/children';
import { LOCAL_OUTPUT } from '../../tools/project';

interface Running {
  readonly children: Children;
  readonly cloud: LocalCloud | undefined;
  readonly page: LiveServer | undefined;
  readonly run: LocalRun;
  readonly steps: Steps;
}

/** Ends every part, even if another cannot be ended. Deletes Terraform's state, which is useless without its cloud. */
export async function takeDown({ children, cloud, page, run, steps }: Running): Promise<void> {
  const began = Date.now();
  const ends = [
    () => page?.close(),
    () => children.endAll(),
    () => cloud?.stop(),
    () => rm(LOCAL_OUTPUT, { recursive: true, force: true }),
  ];
  for (const end of ends) {
    try {
      await end();
    } catch (error) {
      steps.show('cloud', `could not be shut down completely: ${messageOf(error)}`, 'bad');
    }
  }
  await run.end();
  if (cloud) steps.show('cloud', `shut down in ${duration(Date.now() - began)}`);
}
