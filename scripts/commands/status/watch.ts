import { systemClock } from '../../../lifecycle/clock';
import { wrapped } from '../../console/print';
import type { Terminal } from '../../console/terminal';
import { catchInterrupts, pause } from '../../console/interrupt';
import { type PipelineOptions, findHandle } from '../../pipeline/connect';
import { type Report, StatusReader, asJson, reportLines } from './status';

/** Moves the cursor to the top left and clears the screen. */
const CLEAR = '\u001b[H\u001b[2J';

/** Shows the status whenever it has changed, on a terminal always in the same place. Throws InterruptedError on Ctrl-C. */
export async function watchStatus(options: PipelineOptions, terminal: Terminal): Promise<void> {
  const interrupt = catchInterrupts();
  try {
    const handle = await findHandle(options);
    const { target } = handle;
    const reader = new StatusReader(handle);
    const show = showChanges(options.json, target.text, terminal);
    for (;;) {
      show(await reader.read());
      await pause(target.pollMs, interrupt.signal);
    }
  } finally {
    interrupt.release();
  }
}

/** Shows a report if it differs from the last one. Ages alone are no difference, but a terminal shows them up to date. */
function showChanges(json: boolean, using: string, terminal: Terminal): (report: Report) => void {
  const isScreen = terminal.columns !== undefined && !json;
  let last = '';
  return (report) => {
    const facts = asJson(report);
    const compared = JSON.stringify({ ...facts, today: undefined });
    if (compared === last && !isScreen) return;
    last = compared;
    if (json) {
      terminal.out(JSON.stringify(facts));
      return;
    }
    const lines = [`Using ${using}.`, ...reportLines(report, systemClock, terminal)].flatMap((line) =>
      wrapped(line, terminal.columns),
    );
    terminal.out(isScreen ? `${CLEAR}${lines.join('\n')}` : `${lines.join('\n')}\n`);
  };
}
