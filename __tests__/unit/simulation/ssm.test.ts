import { runHistory } from '../../../simulation/history';
import { SimSsm } from '../../../simulation/ssm';
import { traceOf } from '../../support/trace';

const send = Reflect.get<SimSsm, 'sendCommand'>(SimSsm.prototype, 'sendCommand');

/** Adds this to the input of every later command. */
function addToCommands(more: object): void {
  jest.spyOn(SimSsm.prototype, 'sendCommand').mockImplementation(function (this: SimSsm, by, input) {
    return send.call(this, by, { ...input, ...more });
  });
}

describe('the simulated Systems Manager', () => {
  afterEach(() => jest.restoreAllMocks());

  it('never delivers a lost command, not even when the agent registers after a reboot', async () => {
    let lost = 0;
    for (let seed = 1; seed <= 200; seed += 1) {
      const { lines } = await traceOf({ seed, faults: ['command lost', 'instance reboots'] });
      for (const line of lines.filter((each) => each.endsWith(' is lost'))) {
        lost += 1;
        const [, command] = line.split(/ +/);
        const ofCommand = lines.filter((other) => other.split(/ +/)[1] === command);
        expect(ofCommand.join('\n')).not.toContain('InProgress');
      }
    }
    expect(lost).toBeGreaterThan(10);
  }, 60_000);

  const history = { seed: 1, jobs: 1, faults: [] } as const;

  it.each([
    ['key', () => Promise.resolve('job-0.csv')],
    ['job', async () => (await runHistory(history)).receipts()[0]?.jobId ?? ''],
  ])("finds an upload's %s in a command", async (_, findName) => {
    const name = await findName();
    addToCommands({ Parameters: { what: [`drain ${name} now`] } });
    expect((await runHistory(history)).violation?.check).toBe('no command names an upload');
    expect((await runHistory({ ...history, plainChain: true })).violation).toBeUndefined();
  });

  it('finds a key in a command if the key has characters that are special in a shell', async () => {
    addToCommands({ Comment: 'second/one\ntwo "three" \'four\'.csv' });
    const found = [];
    for (let seed = 1; seed <= 60; seed += 1) {
      const { violation } = await runHistory({ seed, faults: [] });
      if (violation) found.push(violation);
    }
    expect(found.length).toBeGreaterThan(2);
    expect(new Set(found.map(({ check }) => check))).toEqual(new Set(['no command names an upload']));
  }, 60_000);
});
