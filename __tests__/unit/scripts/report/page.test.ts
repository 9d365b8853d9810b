import { createHash } from 'node:crypto';
import { parseHTML } from 'linkedom';
import type { Manifest } from '../../../../lifecycle/manifest';
import { Store } from '../../../../lifecycle/store';
import type { PipelineHandle } from '../../../../scripts/pipeline/connect';
import { Collector } from '../../../../scripts/report/collect';
import { LiveReader } from '../../../../scripts/report/live-reader';
import { type Readings, factsOf } from '../../../../scripts/report/facts';
import { pageOf } from '../../../../scripts/report/page';
import { FakeS3 } from '../../../support/fake-s3';
import { NOW_MS, afternoon, iso, month, readings, receipt, stored } from '../../../support/report-readings';

interface Element {
  readonly textContent: string;
  readonly id: string;
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): Iterable<Element>;
}

function documentOf(from: Readings): Element {
  const window = parseHTML(pageOf(factsOf(from))) as { readonly document: Element };
  return window.document;
}

/** The page's text as people read it, one line for each element. */
function textOf(from: Readings): string {
  return [
    ...documentOf(from).querySelectorAll(
      'h1,h2,h3,#period,nav li,dt,dd,p,li,caption,tr,summary,figcaption,.wide text',
    ),
  ]
    .map((element) => {
      const parts = [...element.querySelectorAll('td,th,.number,.small')];
      const texts = (parts.length === 0 ? [element] : parts).map(({ textContent }) => textContent);
      return texts.join(' | ').replace(/\s+/g, ' ').trim();
    })
    .join('\n');
}

describe('the page of a report', () => {
  it('has these words for an afternoon with a failure', () => {
    expect(textOf(afternoon())).toMatchSnapshot();
  });

  it('of a pipeline without any job has a text for that, and does not fail', () => {
    const text = textOf(readings);
    expect(text).toContain('Nothing has run in this period.');
    expect(text).toContain('No job has failed in this period.');
    expect(textOf({ ...readings, hasEarlier: false })).toContain('No job has begun in this period.');
  });

  it('makes no request to another host, and its policy has the hash of its only style', () => {
    const page = pageOf(factsOf(month()));
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(page) ?? [];
    const [, policy = ''] = /Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    expect(policy.replaceAll('&#39;', "'")).toBe(
      `default-src 'none'; img-src data:; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`,
    );
    expect(page).not.toMatch(/ style="|<script|@import|url\(| src=/);
    const links = [...documentOf(month()).querySelectorAll('[href]')].map(
      (link) => link.getAttribute('href') ?? '',
    );
    expect(
      links.filter((href) => !/^(#|data:,$|https:\/\/eu-central-1\.console\.aws\.amazon\.com\/)/.test(href)),
    ).toEqual([]);
  });

  it('shows keys and messages of uploaders and models as text, never as markup', () => {
    const evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>\u202e';
    const page = pageOf(
      factsOf({
        ...month(),
        receipts: [
          receipt('x', NOW_MS - 9_000, 1_000, 1_000, {
            input: { key: evil, sizeBytes: 1 },
            model: { name: evil },
            outcome: 'failed',
            error: { kind: evil, message: evil },
            stderrTail: evil,
          }),
        ],
      }),
    );
    expect(page).not.toMatch(/<script|<img|\u202e/);
    expect(page).toContain('&#60;script&#62;alert(1)');
  });

  it('describes each picture in words, and has a table of its numbers', () => {
    const document = documentOf(month());
    const pictures = [...document.querySelectorAll('svg')];
    expect(pictures).toHaveLength(8);
    for (const picture of pictures) {
      expect(picture.getAttribute('role')).toBe('img');
      expect(picture.getAttribute('aria-label')).toMatch(/tables? below (has|have) the/);
    }
    for (const id of ['on-times', 'job-list', 'day-list', 'wait-list', 'run-list']) {
      expect([...document.querySelectorAll(`#${id} tbody tr`)].length).toBeGreaterThan(7);
    }
  });
});

describe('the collector of a report', () => {
  const s3 = new FakeS3();
  const sinceMs = Date.now() - 3_600_000;
  const instance = {
    State: { Name: 'stopped' },
    InstanceType: 't3.medium',
    LaunchTime: new Date(NOW_MS),
  };
  const handle = {
    target: {
      cloud: 'aws',
      clients: { ec2: { send: () => Promise.resolve({ Reservations: [{ Instances: [instance] }] }) } },
    },
    manifest: { pipeline: 'p', region: 'eu-central-1', outputBucket: 'o' } as Manifest,
    control: new Store(s3.client, 'c'),
    output: new Store(s3.client, 'o'),
  } as unknown as PipelineHandle;
  const collector = new Collector(handle);
  const job = receipt('a', NOW_MS, 1_000, 1_000);
  const whole = { ...stored(job), colour: 'red' };

  beforeAll(() => {
    s3.put('o', `results/raw/a.csv/${job.jobId}/receipt.json`, JSON.stringify(whole));
    s3.put('o', `results/raw/c.csv/${'c'.repeat(64)}/receipt.json`, JSON.stringify({ ...whole, version: 2 }));
    s3.put('o', `results/raw/a.csv/${job.jobId}/attempt-1/receipt.json`, '{"a": "model’s own"}');
    s3.put('o', `results/raw/b.csv/${'b'.repeat(64)}/receipt.json`, 'not JSON');
    s3.put(
      'c',
      'sessions/1.json',
      JSON.stringify({ version: 1, launchedAt: iso(NOW_MS), nonce: 'n', colour: 'red' }),
    );
  });

  it('reads each receipt and session, and a record that cannot be read does not hide the others', async () => {
    const read = await collector.collect(sinceMs, Date.now());
    expect(read.receipts.map(({ input }) => input.key)).toEqual(['raw/a.csv']);
    expect(read.sessions.map(({ launchedAt }) => launchedAt)).toEqual([iso(NOW_MS)]);
    expect(read).toMatchObject({ unreadable: 2, isWhole: true, hasEarlier: false });
    expect(read.instance).toMatchObject({ isOn: false, type: 't3.medium' });
    expect(read.usdPerHour).toBe(0.048);
  });

  it('of the live page does not read an unchanged object again, whether it can be read or not', async () => {
    const reader = new LiveReader(handle);
    const first = await reader.read(sinceMs, Date.now(), []);
    s3.calls.length = 0;
    const second = await reader.read(sinceMs, Date.now(), []);
    expect(second.readings).toEqual({ ...first.readings, nowMs: expect.any(Number) as number });
    expect(second.readings).toMatchObject({ unreadable: 2 });
    expect(s3.callsOf('GetObject')).toEqual([]);
  });

  it('skips receipts from before the period, and reports that there are some', async () => {
    const read = await collector.collect(Date.now() + 1_000, Date.now() + 2_000);
    expect(read.receipts).toEqual([]);
    expect(read.hasEarlier).toBe(true);
  });
});
