import {
  MAX_ENDED,
  addEnd,
  deathsAloneInARow,
  describeEnded,
  failuresIn,
  interruptionsInARow,
  interruptionsIn,
  mustRunAlone,
} from '../../../lifecycle/attempts';
import type { EndCause, EndedAttempts } from '../../../lifecycle/records';

const at = '2026-08-01T10:00:00.000Z';

type Death = NonNullable<EndedAttempts['death']>;
type End = EndCause | `machine ${Death}`;

/** A list of ended attempts, numbered from 1: `machine`, or `machine alone` for a death. */
function list(...ends: readonly End[]): EndedAttempts[] {
  return ends.map((text, index) => {
    const [cause, ...death] = text.split(' ');
    return {
      first: index + 1,
      last: index + 1,
      cause: cause as EndCause,
      why: `why ${index + 1}`,
      at,
      ...(death.length > 0 && { death: death.join(' ') as Death }),
    };
  });
}

/** Three attempts of one entry. */
const three = (cause: EndCause): EndedAttempts => ({ first: 1, last: 3, cause, why: 'a reason', at });

describe('failures and interruptions', () => {
  it('only the ends by the model are failures, or an outage would use up the attempts', () => {
    const ended = list('model', 'machine', 'wrapper', 'storage', 'weather', 'person', 'model');
    expect(failuresIn(ended)).toBe(2);
    expect(interruptionsIn(ended)).toBe(5);
  });

  it('count every attempt of an entry', () => {
    expect(failuresIn([three('model')])).toBe(3);
    expect(interruptionsIn([three('person')])).toBe(3);
    expect(interruptionsInARow([three('person')])).toBe(3);
  });

  it('are none without an entry', () => {
    expect([failuresIn([]), interruptionsIn([]), interruptionsInARow([]), deathsAloneInARow([])]).toEqual([
      0, 0, 0, 0,
    ]);
    expect(mustRunAlone([])).toBe(false);
  });
});

describe('interruptionsInARow', () => {
  it('counts back to the last end by the model', () => {
    expect(interruptionsInARow(list('machine', 'model', 'machine', 'wrapper', 'person'))).toBe(3);
    expect(interruptionsInARow(list('machine', 'model'))).toBe(0);
  });

  it('neither counts trouble of S3 nor ends with it, or a long outage would fail a job', () => {
    expect(interruptionsInARow(list('machine', 'storage', 'weather', 'machine', 'weather'))).toBe(2);
    expect(interruptionsInARow(list('storage', 'weather', 'weather'))).toBe(0);
  });
});

describe('deathsAloneInARow', () => {
  it('counts unexplained deaths of the machine while the job ran alone', () => {
    expect(deathsAloneInARow(list('machine', 'machine alone', 'weather', 'machine alone', 'storage'))).toBe(
      2,
    );
  });

  it.each(['machine', 'wrapper', 'person', 'model', 'machine with others', 'machine not looked up'] as const)(
    'an end by "%s" ends the row, or a spot interruption would count against a model',
    (end) => {
      expect(deathsAloneInARow(list('machine alone', 'machine alone', end))).toBe(0);
      expect(deathsAloneInARow(list('machine alone', end, 'machine alone'))).toBe(1);
    },
  );
});

describe('mustRunAlone', () => {
  it.each(['machine alone', 'machine with others', 'machine not looked up'] as const)(
    'after "%s" the job runs alone, so that a second death names its cause',
    (end) => {
      expect(mustRunAlone(list(end))).toBe(true);
      expect(mustRunAlone(list('machine', end, 'storage', 'weather'))).toBe(true);
    },
  );

  it.each(['machine', 'wrapper', 'person', 'model'] as const)(
    'after a later end by "%s" it runs with others again',
    (end) => {
      expect(mustRunAlone(list('machine alone', end))).toBe(false);
    },
  );
});

describe('addEnd', () => {
  const [end] = list('machine') as [EndedAttempts];

  it('joins an end that follows for the same reason, or a job of many interruptions has an endless record', () => {
    const later = '2026-08-01T11:00:00.000Z';
    expect(addEnd([end], { ...end, first: 2, last: 2, at: later })).toEqual([
      { ...end, first: 1, last: 2, at: later },
    ]);
  });

  it.each([
    ['an attempt in between is unknown', { first: 3, last: 3 }],
    ['the cause differs', { cause: 'person' as const }],
    ['the reason differs', { why: 'another reason' }],
    ['one of them is a death', { death: 'alone' as const }],
  ])('keeps an end apart if %s', (_, difference) => {
    const next = { ...end, first: 2, last: 2, ...difference };
    expect(addEnd([end], next)).toEqual([end, next]);
  });

  const filled = (...ends: readonly End[]) =>
    list(...ends).reduce<EndedAttempts[]>((ended, next) => addEnd(ended, next), []);
  const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

  it('keeps what the bounds count for as long as it can', () => {
    const ended = filled('model', 'machine', 'weather', ...times(MAX_ENDED - 2, 'machine' as const));
    expect(ended).toHaveLength(MAX_ENDED);
    expect(ended.map(({ first }) => first).slice(0, 3)).toEqual([1, 2, 4]);
  });

  it('then drops the oldest interruptions, never failures', () => {
    const ended = filled('person', 'model', ...times(MAX_ENDED, 'machine' as const));
    expect(ended).toHaveLength(MAX_ENDED);
    expect(ended.map(({ first }) => first).slice(0, 2)).toEqual([2, 4]);
  });

  it('a job reaches the highest bounds of a card, although trouble of S3 comes between all its attempts', () => {
    const ended = filled(
      ...times(10, 'model' as const),
      ...times(100, ['machine', 'weather'] as const).flat(),
    );
    expect(failuresIn(ended)).toBe(10);
    expect(interruptionsInARow(ended)).toBe(100);
  });
});

describe('describeEnded', () => {
  it('names interruptions apart from failures', () => {
    const stopped = { first: 1, last: 2, cause: 'machine', why: 'the machine shut down', at } as const;
    const failed = { first: 3, last: 3, cause: 'model', why: 'the model exited with code 1', at } as const;
    expect(describeEnded([stopped, failed])).toBe(
      '2 interruptions (attempts 1-2: the machine shut down), 1 failure (attempt 3: the model exited with code 1)',
    );
    expect(describeEnded([stopped, failed, { ...stopped, first: 4, last: 4 }])).toBe(
      '3 interruptions (attempts 1-2, 4: the machine shut down), 1 failure (attempt 3: the model exited with code 1)',
    );
  });

  it('gives every reason once', () => {
    expect(describeEnded(list('machine', 'weather'))).toBe(
      '2 interruptions (attempt 1: why 1; attempt 2: why 2)',
    );
    expect(describeEnded([three('model')])).toBe('3 failures (attempts 1-3: a reason)');
  });

  it('is a sentence without any', () => {
    expect(describeEnded([])).toBe('no interruption, no failure');
  });
});
