import { join } from 'node:path';
import { systemClock } from '../../../../lifecycle/clock';
import { attemptPrefix } from '../../../../lifecycle/job';
import type { Receipt } from '../../../../lifecycle/records';
import { type LocalFact, inLines, readyFact } from '../../../../scripts/commands/local/facts';
import { followUntilStopped } from '../../../../scripts/commands/local/follow';
import { Steps } from '../../../../scripts/console/steps';
import { Exit, InterruptedError, MissingError } from '../../../../scripts/console/exit';
import { InMemoryPipeline } from '../../../support/in-memory-pipeline';
import { recordingTerminal, temporaryFolder } from '../stand-ins';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const place = new InMemoryPipeline();
const output = { key: '', sizeBytes: 4 };
const good = place.ended('good.csv');
output.key = `${attemptPrefix('good.csv', good.jobId, 1)}out.csv`;
place.account.s3.put('output', output.key, 'a,b\n');
const withOutput: Receipt = { ...good, outputs: [output] };
place.account.s3.put('output', `results/good.csv/${good.jobId}/receipt.json`, JSON.stringify(withOutput));
const bad = place.failed('bad.csv');
const lost = place.ended('lost.csv', { outputs: [{ key: 'results/not there', sizeBytes: 1 }] });

/** `lamplighter local --once --json`, from the end of its uploads on. */
async function follow(...jobs: Receipt[]) {
  const terminal = recordingTerminal();
  const { s3 } = place.account;
  const ec2 = {
    send: () => Promise.resolve({ Reservations: [{ Instances: [{ State: { Name: 'stopped' } }] }] }),
  };
  const code = await inLines(terminal, (people, emit) =>
    followUntilStopped(
      {
        clients: { s3: s3.client, ec2 } as never,
        manifest: place.handle.manifest,
        ...{ terminal: people, emit, steps: new Steps(people, systemClock) },
        ...{ signal: new AbortController().signal, results: folder.path, noticed: [] },
      },
      jobs.map(({ jobId, input }) => ({ jobId, key: input.key })),
    ),
  );
  const facts = terminal.stdout.map((line) => JSON.parse(line) as LocalFact & { at: string });
  return { code, facts, stderr: terminal.stderr.join('\n') };
}

describe('a script that reads `lamplighter local --once --json`', () => {
  it('learns each job’s end and the paths of its results; the last line reports success', async () => {
    const { code, facts, stderr } = await follow(withOutput);
    expect(code).toBe(Exit.ok);
    expect(facts).toMatchObject([
      { event: 'ended', jobId: good.jobId, key: 'good.csv', outcome: 'succeeded', receipt: withOutput },
      { event: 'done', outcome: 'succeeded', exitCode: 0, jobs: { succeeded: 1, failed: 0 } },
    ]);
    const file = join(folder.path, 'good.csv', good.jobId.slice(0, 12), 'files', 'out.csv');
    expect(facts[0]).toMatchObject({ results: [{ ...output, file }] });
    for (const { at } of facts) expect(Date.parse(at)).toBeGreaterThan(0);
    expect(stderr).toContain('the job succeeded, the instance is stopped');
  });

  it('learns from the last line that a job failed', async () => {
    const { code, facts } = await follow(withOutput, bad);
    expect(code).toBe(Exit.jobFailed);
    expect(facts.map(({ event }) => event)).toEqual(['ended', 'ended', 'done']);
    expect(facts[1]).toMatchObject({ outcome: 'failed', receipt: { error: { message: 'no such column' } } });
    expect(facts[2]).toMatchObject({ outcome: 'failed', exitCode: 1, jobs: { succeeded: 1, failed: 1 } });
  });

  it('learns why results could not be fetched', async () => {
    const { facts, stderr } = await follow(lost);
    expect(facts[0]).toMatchObject({ event: 'ended', outcome: 'succeeded', results: [] });
    expect(facts[0]).toHaveProperty('error', expect.stringContaining('does not exist'));
    expect(stderr).toContain('the results of lost.csv could not be fetched');
  });

  it.each([
    [new MissingError('no moto'), { outcome: 'error', exitCode: 3, error: 'no moto' }],
    [new Error('odd'), { outcome: 'error', exitCode: 4, error: 'odd' }],
    [new InterruptedError(), { outcome: 'interrupted', exitCode: 130 }],
  ])('learns from the last line of %s, after any other lines', async (error, end) => {
    const terminal = recordingTerminal();
    const fails = inLines(terminal, (people, emit) => {
      emit({ event: 'page', url: 'http://127.0.0.1:1/' });
      people.out('for people');
      return Promise.reject(error);
    });
    await expect(fails).rejects.toBe(error);
    const facts = terminal.stdout.map((line) => JSON.parse(line) as LocalFact);
    expect(facts).toMatchObject([{ event: 'page' }, { event: 'done', ...end }]);
    expect(facts[1]).toHaveProperty('jobs', { succeeded: 0, failed: 0 });
    expect(terminal.stderr).toEqual(['for people']);
  });
});

it('the fact "ready" has every name that a script needs to use the pipeline', () => {
  const manifest = { ...place.handle.manifest, region: 'eu-central-1', instanceId: 'i-1' };
  expect(readyFact('http://127.0.0.1:1', manifest)).toEqual({
    event: 'ready',
    endpoint: 'http://127.0.0.1:1',
    pipeline: 'p',
    region: 'eu-central-1',
    dataBucket: 'data',
    outputBucket: 'output',
    controlBucket: 'control',
    instanceId: 'i-1',
    models: manifest.models.map(({ name }) => name),
  });
});

it('an event of the local cloud is printed with the time at which it occurred', async () => {
  const terminal = recordingTerminal();
  const at = '2026-01-01T00:00:00.000Z';
  await inLines(terminal, (_, emit) => {
    emit({ event: 'happening', at, kind: 'warning', text: 'not as AWS would' });
    return Promise.resolve(Exit.ok);
  });
  expect(terminal.stdout[0]).toBe(
    `{"event":"happening","at":"${at}","kind":"warning","text":"not as AWS would"}`,
  );
});
