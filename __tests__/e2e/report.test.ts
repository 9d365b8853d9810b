import { AxeBuilder } from '@axe-core/playwright';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { duration } from '../../scripts/console/terminal';
import type { Manifest } from '../../lifecycle/manifest';
import {
  DRAIN_STATUS_KEY,
  attemptPrefix,
  jobIdOf,
  openKey,
  receiptKey,
  statusKey,
} from '../../lifecycle/job';
import { Store } from '../../lifecycle/store';
import type { PipelineHandle } from '../../scripts/pipeline/connect';
import { factsOf } from '../../scripts/report/facts';
import { type LiveServer, startLiveServer } from '../../scripts/report/live-server';
import { pageOf } from '../../scripts/report/page';
import { findChromium, startBrowser } from '../support/browser';
import { FakeS3 } from '../support/fake-s3';
import { MINUTE_MS, afternoon, month, readings, receipt, stored } from '../support/report-readings';

const program = findChromium();

/** Collects the page's console messages and its requests. */
async function watched(browser: Browser, width: number, colorScheme: 'light' | 'dark') {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
  const page = await context.newPage();
  const said: string[] = [];
  const asked: string[] = [];
  page.on('console', (message) => said.push(message.text()));
  page.on('pageerror', (error) => said.push(String(error)));
  page.on('request', (request) => asked.push(request.url()));
  return { page, said, asked };
}

async function seriousFaults(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' ')}`);
}

const number = (page: Page, id: string) => page.locator(`#${id}`).innerText();

(program === undefined ? describe.skip : describe)('a report in a browser', () => {
  const folder = mkdtempSync(join(tmpdir(), 'report '));
  let browser: Browser;

  beforeAll(async () => {
    browser = await startBrowser(program ?? '');
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const pages = { month: month(), afternoon: afternoon(), empty: readings };
  // The fullest page in all widths and colours; each other page once, in the hardest width and colours.
  const variants: [keyof typeof pages, number, 'light' | 'dark'][] = [
    ['month', 360, 'light'],
    ['month', 360, 'dark'],
    ['month', 1440, 'light'],
    ['month', 1440, 'dark'],
    ['afternoon', 360, 'dark'],
    ['empty', 360, 'light'],
  ];

  it.each(variants)(
    '%s at %i px, %s: readable by all, and it asks nobody anything',
    async (name, width, scheme) => {
      const facts = factsOf(pages[name]);
      const file = join(folder, `${name}.html`);
      writeFileSync(file, pageOf(facts));
      const { page, said, asked } = await watched(browser, width, scheme);
      await page.goto(pathToFileURL(file).href);
      expect(await number(page, 'jobs')).toBe(String(pages[name].receipts.length));
      expect(await number(page, 'failed')).toBe(
        String(pages[name].receipts.filter(({ outcome }) => outcome === 'failed').length),
      );
      expect(await number(page, 'on-time')).toBe(duration(facts.onMs));
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      for (const summary of await page.locator('summary').all()) await summary.press('Enter');
      expect(await page.locator('details[open]').count()).toBe(await page.locator('details').count());
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      expect(said).toEqual([]);
      expect(asked).toEqual([page.url()]);
      expect(await seriousFaults(page)).toEqual([]);
      await page.context().close();
    },
    180_000,
  );

  it('its page is dark if the system is dark, and light on paper', async () => {
    const file = join(folder, 'dark.html');
    writeFileSync(file, pageOf(factsOf(month())));
    const { page } = await watched(browser, 360, 'dark');
    await page.goto(pathToFileURL(file).href);
    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(await background()).toBe('rgb(19, 20, 23)');
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect(await background()).toBe('rgb(255, 255, 255)');
    await page.context().close();
  });

  describe('while the local cloud runs', () => {
    const s3 = new FakeS3();
    let state = 'stopped';
    let live: LiveServer;

    beforeAll(async () => {
      const ec2 = {
        send: () =>
          Promise.resolve({
            Reservations: [{ Instances: [{ State: { Name: state }, InstanceType: 't3.medium' }] }],
          }),
      };
      live = await startLiveServer({
        target: { cloud: 'local', clients: { s3: s3.client, ec2 } },
        manifest: {
          pipeline: 'p',
          region: 'eu-central-1',
          dataBucket: 'd',
          outputBucket: 'o',
          models: [{ name: 'm', prefix: 'raw/', suffixes: ['.csv'] }],
        } as unknown as Manifest,
        control: new Store(s3.client, 'c'),
        output: new Store(s3.client, 'o'),
        instance: { id: 'i-1', read: () => Promise.resolve({ state }) },
      } as unknown as PipelineHandle);
    });
    afterAll(() => live.close());

    /** The last writes of a drain: a result and the receipt. Then it deletes the open record, and leaves its trace. */
    function end(key: string, jobId: string, name: string, result: Buffer) {
      const output = `${attemptPrefix(key, jobId, 1)}${name}`;
      s3.put('o', output, result);
      const written = {
        ...receipt('x', Date.now() - MINUTE_MS, 1_000, 30_000, { jobId }),
        ...{ version: 1, pipeline: 'p', attempt: 1, nonce: 'n' },
        input: { bucket: 'd', key, versionId: 'v', sizeBytes: 8 },
        model: { name: 'm', digest: 'd'.repeat(64), zipKey: 'z', zipVersionId: 'z' },
        outputs: [{ key: output, sizeBytes: result.length }],
        instance: { bootId: 'b', drainId: 'd' },
      };
      s3.put('o', receiptKey(key, jobId), JSON.stringify(written));
      s3.delete('c', openKey(jobId));
      s3.put('c', DRAIN_STATUS_KEY, `the drain’s trace of the receipt of ${jobId}`);
    }

    const drop = (page: Page, name: string) =>
      page.evaluate(`{
        const files = new DataTransfer();
        files.items.add(new File(['1'], ${JSON.stringify(name)}));
        document.getElementById('drop').dispatchEvent(
          new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));
      }`);

    it('a chosen file is uploaded and run, and its receipt is counted, without a reload', async () => {
      const { page, said, asked } = await watched(browser, 360, 'light');
      await page.goto(live.url);
      expect(await number(page, 'jobs')).toBe('0');
      const file = { name: 'my file.csv', mimeType: 'text/csv', buffer: Buffer.from('a,b\n1,2\n') };
      await page.setInputFiles('#file', file);
      await page.getByText('my file.csv: uploaded as raw/my file.csv').waitFor();
      expect(s3.text('d', 'raw/my file.csv')).toBe('a,b\n1,2\n');

      const jobId = (await page.locator('[data-job]').first().getAttribute('data-job')) ?? '';
      expect(jobId).toMatch(/^[0-9a-f]{64}$/);
      state = 'running';
      const at = new Date().toISOString();
      s3.put('c', openKey(jobId), '{}');
      s3.put(
        'c',
        statusKey(jobId),
        JSON.stringify({ version: 1, jobId, attempt: 1, phase: 'running', progress: 0.42, at }),
      );
      await page.locator(`[data-job="${jobId}"]`, { hasText: '42 %' }).waitFor();
      expect(await number(page, 'instance-state')).toBe('running');

      state = 'stopped';
      end('raw/my file.csv', jobId, 'predictions.csv', Buffer.from('1\n2'));
      await page.getByText('my file.csv: succeeded: predictions.csv').waitFor();
      expect(await number(page, 'jobs')).toBe('1');
      expect(await number(page, 'on-time')).toBe('30.0 s');
      expect(said).toEqual([]);
      expect(asked.filter((url) => !url.startsWith(live.url))).toEqual([]);
      expect(await seriousFaults(page)).toEqual([]);
      await page.context().close();
    });

    it('a dropped file is uploaded, and a file that no model accepts gets the reason', async () => {
      const { page } = await watched(browser, 1440, 'dark');
      await page.goto(live.url);
      await drop(page, 'two.csv');
      await page.getByText('two.csv: uploaded as raw/two.csv').waitFor();
      await drop(page, 'three.png');
      await page.getByText('No model accepts "three.png"').waitFor();
      expect(s3.objects('d').has('raw/three.png')).toBe(false);
      await page.context().close();
    });

    it('a dropped file is run, and its result is saved byte for byte', async () => {
      const { page, said, asked } = await watched(browser, 360, 'light');
      await page.goto(live.url);
      await drop(page, 'drägged.csv');
      await page.getByText('drägged.csv: uploaded as raw/drägged.csv').waitFor();
      const row = page.locator('#now tbody tr', { hasText: 'raw/drägged.csv' });
      const jobId = (await row.locator('[data-job]').getAttribute('data-job')) ?? '';
      s3.put('c', openKey(jobId), '{}');
      await row.getByText('admitted; waits for the instance').waitFor();
      const result = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256));
      end('raw/drägged.csv', jobId, 'sub/<i>prédictions.html', result);

      const save = async (place: string, name: string) => {
        const link = page.locator(place).getByRole('link', { name: `Download ${name} of raw/drägged.csv` });
        const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
        expect(await download.failure()).toBeNull();
        return { as: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
      };
      for (const place of ['#now', '#results']) {
        const saved = await save(place, 'sub/<i>prédictions.html');
        expect(saved.as).toMatch(/prédictions\.html$/);
        expect(saved.bytes.equals(result)).toBe(true);
      }
      const saved = await save('#results', 'receipt.json');
      expect(JSON.parse(saved.bytes.toString())).toMatchObject({ jobId, outcome: 'succeeded' });
      expect(page.url()).toBe(live.url);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
      expect(said).toEqual([]);
      expect(asked.filter((url) => !url.startsWith(live.url))).toEqual([]);
      expect(await seriousFaults(page)).toEqual([]);
      await page.context().close();
    });

    it('opened details stay open when the page changes', async () => {
      const { page } = await watched(browser, 1440, 'light');
      await page.goto(live.url);
      await page.locator('#job-list summary').press('Enter');
      const one = { key: 'raw/later.csv', bucket: 'd', versionId: 'v' };
      const jobId = jobIdOf(one);
      s3.put(
        'o',
        receiptKey(one.key, jobId),
        JSON.stringify(stored(receipt('later', Date.now() - MINUTE_MS, 1_000, 1_000, { jobId }))),
      );
      s3.put('c', DRAIN_STATUS_KEY, `the drain’s trace of the receipt of ${jobId}`);
      await page.locator('#jobs', { hasText: '3' }).waitFor();
      expect(await page.locator('#job-list[open] tbody tr').count()).toBe(3);
      expect(await page.evaluate('document.activeElement.tagName')).toBe('SUMMARY');

      const link = page.getByRole('link', { name: 'Download receipt.json of raw/my file.csv' });
      await link.focus();
      end('raw/last.csv', jobIdOf({ ...one, key: 'raw/last.csv' }), 'x.csv', Buffer.from('x'));
      await page.locator('#results', { hasText: 'raw/last.csv' }).waitFor();
      expect(await page.evaluate('document.activeElement.getAttribute("aria-label")')).toBe(
        await link.getAttribute('aria-label'),
      );
      await page.context().close();
    });
  });
});
