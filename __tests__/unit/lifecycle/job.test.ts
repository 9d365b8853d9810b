import fc from 'fast-check';
import {
  OPEN_PREFIX,
  attemptPrefix,
  jobIdInLedgerKey,
  jobIdInReceiptKey,
  jobIdOf,
  openKey,
  receiptKey,
  resultsPrefix,
  shortId,
} from '../../../lifecycle/job';

const jobId = jobIdOf({ bucket: 'b', key: 'k', versionId: 'v' });
const bytes = (text: string) => Buffer.byteLength(text);

describe('jobIdOf', () => {
  it('never changes, or every past upload would run again', () => {
    expect(jobId).toBe('7b7968060bb0320febf12b33537bf587b74fb4e01293ef20464f8b7998d923a3');
  });

  it('differs for uploads that are equal only when their parts are joined', () => {
    expect(jobIdOf({ bucket: 'a', key: 'b/c', versionId: 'v' })).not.toBe(
      jobIdOf({ bucket: 'a/b', key: 'c', versionId: 'v' }),
    );
    expect(jobIdOf({ bucket: 'b', key: 'k', versionId: 'w' })).not.toBe(jobId);
  });
});

it('shortId is the form that people read in lists and type in commands', () => {
  expect(shortId(jobId)).toBe('7b7968060bb0');
});

describe('keys of results', () => {
  it('begin with the input key, where people search', () => {
    expect(receiptKey('scans/red flower+1.csv', jobId)).toBe(
      `results/scans/red flower+1.csv/${jobId}/receipt.json`,
    );
    expect(attemptPrefix('a.csv', jobId, 2)).toBe(`results/a.csv/${jobId}/attempt-2/`);
  });

  it.each([
    ['../../etc/passwd', '%2E%2E/%2E%2E/etc/passwd'],
    ['a/./b', 'a/%2E/b'],
    ['..', '%2E%2E'],
    ['.hidden/..x', '.hidden/..x'],
  ])('contain no segment that a client would resolve: %s', (key, label) => {
    expect(resultsPrefix(key, jobId)).toBe(`results/${label}/${jobId}/`);
  });

  it('leave room for the results of the longest input key, and never split a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1024 }), (key) => {
        const prefix = attemptPrefix(key, jobId, 9_999);
        expect(bytes(prefix)).toBeLessThanOrEqual(1024 - 200);
        expect(Buffer.from(prefix).toString()).toBe(prefix);
        expect(jobIdInReceiptKey(receiptKey(key, jobId))).toBe(jobId);
      }),
    );
  });

  it('mark an input key that was cut', () => {
    const prefix = resultsPrefix('é'.repeat(512), jobId);
    expect(prefix).toMatch(/^results\/é+~\/[0-9a-f]{64}\/$/);
  });
});

describe('jobIdInReceiptKey', () => {
  it.each([
    [`results/a.csv/${jobId}/attempt-1/receipt.json`, 'a model’s own receipt.json'],
    [`results/a.csv/${jobId}/receipt.json.bak`, 'another name'],
    [`other/a.csv/${jobId}/receipt.json`, 'another prefix'],
    ['results/a.csv/receipt.json', 'no job'],
  ])('finds no receipt in %s (%s)', (key) => {
    expect(jobIdInReceiptKey(key)).toBeUndefined();
  });
});

describe('jobIdInLedgerKey', () => {
  it('finds the job, and no job in other objects', () => {
    expect(jobIdInLedgerKey(OPEN_PREFIX, openKey(jobId))).toBe(jobId);
    expect(jobIdInLedgerKey(OPEN_PREFIX, 'open/readme.json')).toBeUndefined();
    expect(jobIdInLedgerKey(OPEN_PREFIX, `open/${jobId}`)).toBeUndefined();
  });
});
