import type { Clock } from '../../lifecycle/clock';
import { wrapped } from './print';
import { type Terminal, duration, printable } from './terminal';

type Mood = 'plain' | 'good' | 'bad';

/** Columns of a step's subject. The texts begin in the same column. */
const SUBJECT_WIDTH = 9;
const TIME_WIDTH = 12;

/** Columns from which on subjects have their own column. A narrower terminal needs the room for the text. */
const WIDE_COLUMNS = 70;
const NARROW_TIME_WIDTH = 6;

/** Shows steps while they happen, one line each: the time since the command began, the subject, and the text. */
export class Steps {
  private readonly began: number;
  private last = '';
  private readonly lastOf = new Map<string, string>();

  constructor(
    private readonly terminal: Terminal,
    private readonly clock: Clock,
  ) {
    this.began = clock.now();
  }

  get isOnTerminal(): boolean {
    return this.terminal.columns !== undefined;
  }

  /** Shows one step. A repeated step is shown once: polling may find the same as an event before it. */
  show(subject: string, text: string, mood: Mood = 'plain'): void {
    const shown = printable(text);
    if (`${subject} ${shown}` === this.last) return;
    this.last = `${subject} ${shown}`;
    const { colours, columns } = this.terminal;
    const paint = { plain: (line: string) => line, good: colours.green, bad: colours.red }[mood];
    const time = duration(this.clock.now() - this.began);
    const name = printable(subject);
    const isWide = columns === undefined || columns >= WIDE_COLUMNS;
    const label = isWide
      ? `${colours.dim(time.padStart(TIME_WIDTH))}  ${colours.bold(name.padEnd(SUBJECT_WIDTH))}  `
      : `${colours.dim(time.padStart(NARROW_TIME_WIDTH))}  `;
    const line = isWide ? paint(shown) : `${colours.bold(name)} ${paint(shown)}`;
    for (const part of wrapped(line, columns, label)) this.terminal.out(part);
  }

  /**
   * Shows a step only if the text differs from the topic's last text. For polling.
   * @param subject the subject that is shown. @default the topic
   */
  changed(topic: string, text: string, mood: Mood = 'plain', subject = topic): void {
    if (this.lastOf.get(topic) === text) return;
    this.lastOf.set(topic, text);
    this.show(subject, text, mood);
  }
}
