import { runHistory } from '../../../simulation/history';
import { Random } from '../../../simulation/random';
import { drawStart, type Workload } from '../../../simulation/workloads';

const OF_EC2_OR_SSM =
  /\|(DescribeInstances|StartInstances|StopInstances|CreateTags|DescribeInstanceInformation|ListCommands|SendCommand) /;
const LOOK = /^worker\|(DescribeInstances|DescribeInstanceInformation) /;

/** Uploads within a second, with runs of a tenth of a second. */
function burst(uploads: number): Workload {
  const luck = new Random(1, 11);
  const jobs = Array.from({ length: uploads }, () => luck.between(0, 1_000))
    .sort((one, other) => one - other)
    .map((arrivesMs) => ({ arrivesMs, runMs: 100, start: drawStart(luck) }));
  return { kind: 'burst', seed: 1, windowMs: 1_000, jobs, chaseMs: undefined };
}

async function callsOf(uploads: number, isWhole: boolean) {
  const {
    violation,
    lost,
    calls = [],
  } = await runHistory({
    seed: 1,
    workload: burst(uploads),
    lingerSeconds: 30,
    listCalls: true,
    endsAtFirstClaim: !isWhole,
  });
  const firstClaim = calls.findIndex((call) => call.startsWith('drain|PUT control/claims/'));
  const ours = calls.slice(0, firstClaim).filter((call) => OF_EC2_OR_SSM.test(call));
  const looks = ours.filter((call) => LOOK.test(call));
  const later = calls.slice(firstClaim).filter((call) => OF_EC2_OR_SSM.test(call));
  return { violation, lost, looks: looks.length, others: ours.length - looks.length, later: later.length };
}

describe('uploads that arrive at once, under the rate limits of EC2 and SSM', () => {
  it('lose no job and fail no function', async () => {
    const { violation, lost, later } = await callsOf(300, true);
    expect({ violation, lost }).toEqual({ violation: undefined, lost: 0 });
    // The stop, and the tags that show it.
    expect(later).toBeLessThanOrEqual(10);
  }, 60_000);

  it('cause as many calls to EC2 and SSM as one upload, from the first upload to the first claim', async () => {
    const counts = [];
    for (const uploads of [1, 10, 1_000, 10_000]) counts.push(await callsOf(uploads, false));
    const totals = counts.map(({ looks, others }) => looks + others);
    expect(Math.max(...totals) - Math.min(...totals)).toBeLessThanOrEqual(5);
    for (const { looks, others } of counts) {
      expect(others).toBeLessThanOrEqual(20);
      // A look reads the instance and, once it runs, the agent's ping.
      expect(looks).toBeLessThanOrEqual(2 * 12);
    }
  }, 60_000);
});
