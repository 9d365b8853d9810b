import { AxeBuilder } from '@axe-core/playwright';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { duration } from '../../scripts/console/terminal';
import type { Manifest } from '../../lifecycle/manifest';
import { jobIdOf, openKey, receiptKey, statusKey } from '../../lifecycle/job';
import { Store } from '../../lifecycle/store';
import type { Scene } from '../../scripts/operations/scene';
import { factsOf } from '../../scripts/report/facts';
import { type LiveServer, startLiveServer } from '../../scripts/report/live-server';
import { pageOf } from '../../scripts/report/page';
import { findChromium, startBrowser } from '../support/browser';
import { FakeS3 } from '../support/fake-s3';
import { MINUTE_MS, afternoon, month, readings, receipt } from '../support/report-readings';

const program = findChromium();

/** Everything that a page says on its console, and everywhere that it asks. */
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
  // The widths and colours by the fullest page; the others once each, in what is hardest to fit and to see.
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
  );

  it('its page is dark where a person wants it dark, and light on paper', async () => {
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
      } as unknown as Scene);
    });
    afterAll(() => live.close());

    it('a file is chosen, goes through, and its receipt is counted, without a reload', async () => {
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
      const ended = receipt('x', Date.now() - MINUTE_MS, 1_000, 30_000, { jobId });
      s3.put(
        'o',
        receiptKey('raw/my file.csv', jobId),
        JSON.stringify({
          ...ended,
          version: 1,
          pipeline: 'p',
          input: { bucket: 'd', key: 'raw/my file.csv', versionId: 'v', sizeBytes: 8 },
          model: { name: 'm', digest: 'd'.repeat(64), zipKey: 'z', zipVersionId: 'z' },
          outputs: [{ key: 'results/predictions.csv', sizeBytes: 3 }],
          instance: { bootId: 'b', drainId: 'd' },
          nonce: 'n',
        }),
      );
      s3.delete('c', openKey(jobId));
      await page.getByText('my file.csv: succeeded: predictions.csv').waitFor();
      expect(await number(page, 'jobs')).toBe('1');
      expect(await number(page, 'on-time')).toBe('30.0 s');
      expect(said).toEqual([]);
      expect(asked.filter((url) => !url.startsWith(live.url))).toEqual([]);
      expect(await seriousFaults(page)).toEqual([]);
      await page.context().close();
    });

    it('a dropped file goes the same way, and one that no model takes is told so', async () => {
      const { page } = await watched(browser, 1440, 'dark');
      await page.goto(live.url);
      const dropped = (name: string) =>
        page.evaluate(`{
          const files = new DataTransfer();
          files.items.add(new File(['1'], ${JSON.stringify(name)}));
          document.getElementById('drop').dispatchEvent(
            new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));
        }`);
      await dropped('two.csv');
      await page.getByText('two.csv: uploaded as raw/two.csv').waitFor();
      await dropped('three.png');
      await page.getByText('No model takes "three.png"').waitFor();
      expect(s3.objects('d').has('raw/three.png')).toBe(false);
      await page.context().close();
    });

    it('what a person has opened stays open when the page changes', async () => {
      const { page } = await watched(browser, 1440, 'light');
      await page.goto(live.url);
      await page.locator('#job-list summary').press('Enter');
      const one = { key: 'raw/later.csv', bucket: 'd', versionId: 'v' };
      const jobId = jobIdOf(one);
      s3.put(
        'o',
        receiptKey(one.key, jobId),
        JSON.stringify(receipt('later', Date.now() - MINUTE_MS, 1_000, 1_000, { jobId })),
      );
      await page.locator('#jobs', { hasText: '2' }).waitFor();
      expect(await page.locator('#job-list[open] tbody tr').count()).toBe(2);
      expect(await page.evaluate('document.activeElement.tagName')).toBe('SUMMARY');
      await page.context().close();
    });
  });
});
