import { type Clock } from '../../lifecycle/clock';
import { wrapped } from './print';
import { type Terminal, duration, printable } from './terminal';

export type Mood = 'plain' | 'good' | 'bad';

/** Columns that the subject of a step fills, so that the texts stand below each other. */
const SUBJECT_WIDTH = 9;
const TIME_WIDTH = 12;

/** Below this width there are no columns, but for the time: what is told would have no room. */
const WIDE_COLUMNS = 70;
const NARROW_TIME_WIDTH = 6;

/** Shows what happens, as it happens, one line a step: the time since the command began, who or what, and what it did. */
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

  /** One step. The same step twice in a row is shown once: polling may see what an event has already told. */
  say(subject: string, text: string, mood: Mood = 'plain'): void {
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
    const said = isWide ? paint(shown) : `${colours.bold(name)} ${paint(shown)}`;
    for (const line of wrapped(said, columns, label)) this.terminal.out(line);
  }

  /**
   * A step only if it differs from the topic's last such one: for what is looked at again and again.
   * @param subject what is shown as the subject. @default the topic
   */
  changed(topic: string, text: string, mood: Mood = 'plain', subject = topic): void {
    if (this.lastOf.get(topic) === text) return;
    this.lastOf.set(topic, text);
    this.say(subject, text, mood);
  }
}
