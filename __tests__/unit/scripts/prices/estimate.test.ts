import { readPipelines } from '../../../../modules/settings';
import { type EstimateArguments, estimateOptions } from '../../../../scripts/commands/estimate/estimate';
import { main } from '../../../../scripts/lamplighter';
import { billOf } from '../../../../scripts/plan/bill';
import { resourcesIn } from '../../../../scripts/plan/planned';
import { estimate } from '../../../../scripts/prices/estimate';
import { loadPrices } from '../../../../scripts/prices/prices';
import { billOfSettings } from '../../../../scripts/prices/settings-bill';
import { PROJECT_FOLDER } from '../../../../scripts/tools/project';
import { synthesizePipeline } from '../../../support/synth';
import { recorded } from '../plan/recorded';
import { recordingTerminal } from '../stand-ins';

const settingsOf = (more: object = {}) => {
  const [settings] = readPipelines(
    [{ name: 'p1', models: ['models/breast-cancer'], ...more }],
    PROJECT_FOLDER,
  );
  if (!settings) throw new Error('no settings');
  return settings;
};
const prices = loadPrices().regions['eu-central-1']!;
const asked: EstimateArguments & { jobsPerDay: number; minutes: number } = {
  jobsPerDay: 4,
  minutes: 15,
  atOnce: 1,
  hoursADay: 24,
  bootSeconds: 9,
  megabytes: 1,
  logKilobytes: 50,
  refreshPrices: false,
  json: false,
};

describe('the estimate before a deploy', () => {
  it('has the parts that Terraform would make: disk, address, sweep, memory', () => {
    const { plan, configuration } = recorded('fresh');
    const { instanceType, diskGib, ...fixed } = billOf(resourcesIn(plan, configuration, 'after'));
    expect(
      billOfSettings(
        settingsOf({ instanceType, diskGiB: diskGib, sweepMinutes: fixed.sweepMinutes, alarms: false }),
      ),
    ).toEqual({
      instanceType,
      diskGib,
      ...fixed,
    });
  });

  it.each([{ alarms: true }, { alarms: false }])('has the stack’s number of alarms: %j', (alarms) => {
    const settings = settingsOf(alarms);
    const { resource } = synthesizePipeline(settings);
    const made = Object.keys(resource.aws_cloudwatch_metric_alarm ?? {});
    expect(billOfSettings(settings).alarms).toBe(made.length);
  });

  it('has endpoints with a price and no public address in a private network', () => {
    expect(billOfSettings(settingsOf({ privateNetwork: true }))).toMatchObject({
      hasPublicAddress: false,
      interfaceEndpoints: 4,
    });
  });

  it('adds up: a single job costs its billed time, address, requests, logs and storage', () => {
    const { loneJobUsd, monthUsd, month } = estimate(estimateOptions(settingsOf(), asked), prices);
    const hours = (9 + 5 + 30 + 15 * 60) / 3600;
    const requests =
      6 * 0.0000002 + (5 * 0.25 + 35 * 0.125) * 0.0000133334 + 30 * 0.0000054 + 30 * 0.00000043;
    const logs = (50_000 / 1024 ** 3) * (0.63 + (30 / (730 / 24)) * 0.0324);
    const storage = (1_000_000 / 1024 ** 3) * 0.0245;
    expect(loneJobUsd).toBeCloseTo(hours * (0.10185 + 0.005) + requests + logs + storage, 6);
    expect(monthUsd).toBeCloseTo(
      month.reduce((sum, line) => sum + (line.usd ?? NaN), 0),
      9,
    );
  });

  it('bills at least a minute for a short job', () => {
    const short = estimateOptions(settingsOf({ lingerSeconds: 0 }), { ...asked, minutes: 0.1 });
    const long = estimateOptions(settingsOf({ lingerSeconds: 0 }), { ...asked, minutes: (60 - 14) / 60 });
    expect(estimate(short, prices).loneJobUsd).toBeCloseTo(estimate(long, prices).loneJobUsd, 6);
  });

  it('is cheaper than always on below the break-even, and more expensive above', () => {
    const options = estimateOptions(settingsOf(), asked);
    const { breakEvenJobsPerDay, alwaysOnUsd } = estimate(options, prices);
    const monthAt = (jobsPerDay: number) =>
      estimate({ ...options, work: { ...options.work, jobsPerDay } }, prices).monthUsd;
    expect(breakEvenJobsPerDay).toBeGreaterThan(50);
    expect(monthAt(breakEvenJobsPerDay)).toBeLessThanOrEqual(alwaysOnUsd);
    expect(monthAt(breakEvenJobsPerDay + 1)).toBeGreaterThan(alwaysOnUsd);
  });

  it('has no alarms, dashboard and metric if the setting is off', () => {
    const { month } = estimate(estimateOptions(settingsOf({ alarms: false }), asked), prices);
    expect(month.map(({ what }) => what).join()).not.toMatch(/alarm|dashboard/);
  });
});

describe('lamplighter estimate', () => {
  async function run(...args: string[]) {
    const terminal = recordingTerminal();
    const code = await main(['estimate', ...args], terminal);
    return { code, stdout: terminal.stdout.join('\n'), stderr: terminal.stderr.join('\n') };
  }
  const some = ['--jobs-per-day', '4', '--minutes', '15'];

  it('for people', async () => {
    const { code, stdout } = await run(...some, '--hours-a-day', '8');
    expect(code).toBe(0);
    expect(stdout.replace(/^.*Source of the prices:.*$/m, 'SOURCE')).toMatchSnapshot();
    expect(stdout).toContain('Not read from AWS.');
  });

  it('for programs', async () => {
    const { code, stdout } = await run(...some, '--linger', '30', '--instance-type', 'g4dn.xlarge', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchSnapshot({ prices: { source: expect.any(String) as string } });
  });

  it.each([
    [[], 2, 'Pass the work: --jobs-per-day N --minutes M'],
    [['--jobs-per-day', '4'], 2, '--minutes M'],
    [['--jobs-per-day', '-1', '--minutes', '3'], 2, 'Use a number from 0'],
    [['--jobs-per-day', '0', '--minutes', '3'], 2, 'greater than 0'],
    [[...some, '--hours-a-day', '25'], 2, 'A day has 24 hours.'],
    [[...some, '--region', 'ap-south-2'], 3, 'estimate --refresh-prices --region ap-south-2'],
    [[...some, '--instance-type', 'x99.huge'], 3, 'estimate --refresh-prices --instance-type x99.huge'],
    [[...some, '--pipeline', 'nobody'], 2, 'cdktf.json has no pipeline "nobody"'],
  ])('%j: exit code %i and what to do', async (args, exitCode, sentence) => {
    const { code, stderr, stdout } = await run(...args);
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
    expect(stderr).toContain(sentence);
  });
});
