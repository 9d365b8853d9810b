import * as fc from 'fast-check';
import { secondsOf } from '../../../lifecycle/bill';
import type { Bill } from '../../../lifecycle/records';
import { Meter } from '../../../runner/meter';
import { TestClock, TestLog } from '../../support/fake-account';

/** A machine whose disk may be full, and whose account may be damaged. */
class TestHost {
  bootId = 'boot-1';
  uptime = 0;
  account: string | undefined;
  full = false;
  uptimeSeconds = () => this.uptime;
  readAccount = () => Promise.resolve(this.account);
  writeAccount = (text: string) => {
    if (this.full) return Promise.reject(new Error('ENOSPC'));
    this.account = text;
    return Promise.resolve();
  };
}

const open = (host: TestHost) => Meter.open(host, new TestClock(), new TestLog());
const shown = (bill: Bill | undefined) => bill && [bill.bootSeconds, bill.idleSeconds, bill.runSeconds];

describe('the account of seconds', () => {
  it('bills boot seconds to the first job, idle seconds to the next, and shares seconds of jobs side by side', async () => {
    const host = new TestHost();
    host.uptime = 10.9;
    const meter = await open(host);
    host.uptime = 20.2;
    meter.begins('a');
    host.uptime = 30.9;
    meter.begins('b');
    host.uptime = 41;
    expect(shown(await meter.bill('a'))).toEqual([20, 0, 10 + 6]);
    host.uptime = 50;
    expect(shown(await meter.bill('b'))).toEqual([0, 0, 5 + 9]);
    host.uptime = 57;
    meter.begins('c');
    host.uptime = 60;
    expect(shown(await meter.bill('c'))).toEqual([0, 7, 3]);
  });

  it('gives the seconds of an attempt without a receipt to the next receipt', async () => {
    const host = new TestHost();
    const meter = await open(host);
    meter.begins('a');
    host.uptime = 30;
    meter.ends('a');
    host.uptime = 35;
    meter.begins('a');
    host.uptime = 40;
    expect(shown(await meter.bill('a'))).toEqual([0, 5, 35]);
  });

  it('continues after a drain that was killed, and begins anew after a boot', async () => {
    const host = new TestHost();
    host.uptime = 10;
    const killed = await open(host);
    killed.begins('a');
    await killed.bill('x');
    host.uptime = 30;
    const next = await open(host);
    host.uptime = 31;
    expect(shown(await next.bill('a'))).toEqual([0, 21, 0]);
    host.bootId = 'boot-2';
    host.uptime = 4;
    const afterBoot = await open(host);
    afterBoot.begins('b');
    host.uptime = 9;
    expect(shown(await afterBoot.bill('b'))).toEqual([4, 0, 5]);
  });

  it('writes receipts without a bill while the disk is full, and bills those seconds later', async () => {
    const host = new TestHost();
    const meter = await open(host);
    meter.begins('a');
    host.uptime = 10;
    host.full = true;
    expect(await meter.bill('a')).toBeUndefined();
    host.full = false;
    meter.begins('b');
    host.uptime = 15;
    expect(shown(await meter.bill('b'))).toEqual([0, 0, 15]);
  });

  it('leaves the seconds before an unreadable account to the tail: they may be billed already', async () => {
    const host = new TestHost();
    host.account = '{ torn';
    host.uptime = 100;
    const meter = await open(host);
    meter.begins('a');
    host.uptime = 130;
    expect(shown(await meter.bill('a'))).toEqual([0, 0, 30]);
  });

  it('never bills a second twice, although drains die, disks fill up and receipts fail', async () => {
    const step = fc.record({
      passes: fc.double({ min: 0, max: 50, noNaN: true }),
      does: fc.constantFrom(
        'begins',
        'ends',
        'bill',
        'bill',
        'not written',
        'killed',
        'disk full',
        'disk free',
        'torn',
      ),
      job: fc.constantFrom('a', 'b', 'c'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const host = new TestHost();
        let meter = await open(host);
        let billed = 0;
        let lost = false;
        for (const { passes, does, job } of steps) {
          host.uptime += passes;
          if (does === 'begins') meter.begins(job);
          if (does === 'ends') meter.ends(job);
          if (does === 'bill') billed += secondsOf((await meter.bill(job)) ?? NONE);
          if (does === 'not written') {
            const bill = await meter.bill(job);
            if (bill) meter.takeBack(bill);
          }
          if (does === 'disk full') host.full = true;
          if (does === 'disk free') host.full = false;
          if (does === 'torn') host.account = '{';
          if (does === 'torn' || does === 'killed') meter = await open(host);
          lost ||= does === 'torn' || does === 'killed';
          expect(billed).toBeLessThanOrEqual(Math.floor(host.uptime));
        }
        if (lost) return;
        host.full = false;
        // While one drain keeps the account, no second is lost either.
        billed += secondsOf((await meter.bill('last')) ?? NONE);
        for (const job of ['a', 'b', 'c']) billed += secondsOf((await meter.bill(job)) ?? NONE);
        expect(billed).toBe(Math.floor(host.uptime));
      }),
    );
  });
});

const NONE = { session: '', bootSeconds: 0, idleSeconds: 0, runSeconds: 0 };
