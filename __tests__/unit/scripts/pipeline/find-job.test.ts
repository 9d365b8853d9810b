import { openKey, receiptKey } from '../../../../lifecycle/job';
import { findReceipt } from '../../../../scripts/pipeline/find-job';
import type { PipelineHandle } from '../../../../scripts/pipeline/connect';
import { FakeAccount } from '../../../support/fake-account';

/** A pipeline with jobs whose ids begin with these digits. */
function handle(jobs: { ended?: string[]; open?: string[] }): PipelineHandle {
  const account = new FakeAccount();
  const whole = (digits: string) => digits.padEnd(64, '0');
  for (const digits of jobs.open ?? []) account.s3.put('control', openKey(whole(digits)), '{}');
  for (const digits of jobs.ended ?? []) {
    account.s3.put('output', receiptKey('a.csv', whole(digits)), '{"half":');
  }
  const { control, output } = account.context;
  return { control, output, manifest: { pipeline: 'p' } } as unknown as PipelineHandle;
}

describe('a job is found by the first digits of its id', () => {
  it.each([
    ['ab', { ended: ['abc', 'abd'] }, /Several jobs begin with "ab": abc000000000, abd000000000. Add more/],
    ['ab', { ended: ['abc'], open: ['abd'] }, /Several jobs/],
    ['ff', { ended: ['abc'] }, /No job of the pipeline p begins with "ff"/],
    ['ab', { open: ['abc'] }, /abc000000000 is still open: it has not failed yet/],
    ['', {}, /"" is not a job id/],
    ['AB', {}, /"AB" is not a job id/],
    ['../ab', {}, /is not a job id/],
  ])('%j of %j: %s', async (prefix, jobs, sentence) => {
    await expect(findReceipt(handle(jobs), prefix)).rejects.toThrow(sentence);
  });

  it('has ended although its open record still exists, and an unreadable receipt is reported as such', async () => {
    await expect(findReceipt(handle({ ended: ['abc'], open: ['abc'] }), 'ab')).rejects.toThrow(/is not JSON/);
  });
});
