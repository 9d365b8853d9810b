import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InMemoryPipeline } from '../../../support/in-memory-pipeline';
import { folder } from './folder';
import { JobStory } from './job-story';
import { golden, interrupt, keepMachineOut, run } from './run';

keepMachineOut();

beforeAll(() => {
  for (const name of ['a', 'b', 'c']) writeFileSync(join(folder, `${name}.csv`), `${name},1\n`);
});

const passSeconds = (seconds: number) => jest.setSystemTime(Date.now() + seconds * 1000);

const FILES = { 'predictions.csv': 'id,label\n1,benign\n2,malignant\n', 'summary.json': '{"rows":2}\n' };

/** A job that waits for the instance, runs and succeeds. */
function comesAlong(place: InMemoryPipeline, key: string): void {
  const { account } = place;
  const story = new JobStory(place, key);
  story.atEachLook(
    () => passSeconds(1),
    () => {
      story.admit();
      account.state = 'pending';
    },
    () => {
      passSeconds(20);
      account.state = 'running';
      account.launchTime = new Date(Date.now() - 15_000);
      account.setGate('OPEN');
      story.progress('downloading');
    },
    () => {
      passSeconds(3);
      story.progress('running', { progress: 0.2, message: 'row 48 of 240' });
    },
    () => {
      passSeconds(3);
      story.progress('running', { progress: 0.6, message: 'row 144 of 240' });
    },
    () => {
      passSeconds(2);
      story.succeed(FILES);
    },
  );
}

function fails(place: InMemoryPipeline, key: string): void {
  const story = new JobStory(place, key);
  story.atEachLook(
    () => story.admit(),
    () => story.progress('running'),
    () => story.fail('the model exited with code 1', 'Traceback\nLine 2: "oops" is no number\n'),
  );
}

describe.each([
  ['for people', []],
  ['as JSON', ['--json']],
])('submit --wait, %s', (_name, more) => {
  const submit = (place: InMemoryPipeline, ...args: string[]) =>
    run(place, ['submit', ...args, '--wait', ...more]);

  it('a job that succeeds, on an instance that was off', async () => {
    const place = new InMemoryPipeline();
    comesAlong(place, 'a.csv');
    expect(golden(await submit(place, 'a.csv'))).toMatchSnapshot();
  });

  it('such jobs have been before: how long they took, and where the copies are to go', async () => {
    const place = new InMemoryPipeline();
    const before = new Date(place.account.clock.now() - 60_000).toISOString();
    const end = new Date(place.account.clock.now() - 45_000).toISOString();
    place.ended('old.csv', { admittedAt: before, endedAt: end, model: { ...MODEL, name: 'm' } });
    comesAlong(place, 'in/a.csv');
    expect(golden(await submit(place, 'a.csv', '--prefix', 'in/', '--out', 'copies'))).toMatchSnapshot();
  });

  it('of two jobs one fails', async () => {
    const place = new InMemoryPipeline();
    fails(place, 'a.csv');
    comesAlong(place, 'b.csv');
    // Uploads go on beside each other; the order of these is that of their versions.
    const { s3 } = place.account;
    const first = async () => {
      while (s3.text('data', 'a.csv') === undefined) await new Promise(setImmediate);
    };
    s3.fault({ command: 'PutObject', key: 'b.csv', run: first });
    expect(golden(await submit(place, 'a.csv', 'b.csv'))).toMatchSnapshot();
  });

  it('results that are not there, and an instance that cannot be seen', async () => {
    const place = new InMemoryPipeline();
    const story = new JobStory(place, 'a.csv').atEachLook(() => story.succeed(FILES));
    const gone = () => Promise.reject(new Error('You are not authorized'));
    Object.assign(place.handle.target.clients, { ec2: { send: gone } });
    place.account.s3.fault({ command: 'GetObject', key: /predictions/, error: new Error('gone') });
    expect(golden(await submit(place, 'a.csv'))).toMatchSnapshot();
  });

  it('a paused pipeline: why the job waits, until Ctrl-C', async () => {
    const place = new InMemoryPipeline();
    place.account.tags.set('lamplighter:pause', 'a leak in the lab');
    const story = new JobStory(place, 'c.csv').atEachLook(
      () => story.admit(),
      () => undefined,
      () => interrupt(),
    );
    expect(golden(await submit(place, 'c.csv'))).toMatchSnapshot();
  });
});

const MODEL = { digest: 'd'.repeat(64), zipKey: 'z', zipVersionId: 'v' };

it('submit --wait on 60 columns', async () => {
  const place = new InMemoryPipeline();
  fails(place, 'a.csv');
  // The bars are drawn on the process's own stderr.
  const bars = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  expect(golden(await run(place, ['submit', 'a.csv', '--wait'], { columns: 60 }))).toMatchSnapshot();
  bars.mockRestore();
});

describe('submit', () => {
  it.each([[[]], [['--json']]])('a file that S3 refuses keeps the others from nothing: %j', async (more) => {
    const place = new InMemoryPipeline();
    const error = new Error('slow down');
    place.account.s3.fault({ command: 'PutObject', key: 'b.csv', error });
    expect(golden(await run(place, ['submit', 'a.csv', 'b.csv', ...more]))).toMatchSnapshot();
  });

  it.each([
    ['a.csv --model nope'],
    ['a.csv --prefix in/ --model m'],
    ['a.csv a.csv'],
    ['gone.csv --json'],
    ['local --wait'],
  ])('%s', async (line) => {
    expect(golden(await run(new InMemoryPipeline(), ['submit', ...line.split(' ')]))).toMatchSnapshot();
  });
});
