import { traceOf } from '../../../simulation/history';

describe('the simulated Systems Manager', () => {
  it('never delivers a command that was lost, not even when the agent reports after a reboot', async () => {
    let lost = 0;
    for (let seed = 1; seed <= 200; seed += 1) {
      const { lines } = await traceOf({ seed, faults: ['command lost', 'instance reboots'] });
      for (const line of lines.filter((told) => told.endsWith(' is lost'))) {
        lost += 1;
        const [, command] = line.split(/ +/);
        const told = lines.filter((other) => other.split(/ +/)[1] === command);
        expect(told.join('\n')).not.toContain('InProgress');
      }
    }
    expect(lost).toBeGreaterThan(10);
  }, 60_000);
});
