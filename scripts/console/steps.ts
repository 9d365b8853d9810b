import { type Clock } from '../../lifecycle/clock';
import { type Terminal, duration, printable } from './terminal';

export type Mood = 'plain' | 'good' | 'bad';

/** Columns that the subject of a step fills, so that the texts stand below each other. */
const SUBJECT_WIDTH = 9;
const TIME_WIDTH = 12;

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
    const { colours } = this.terminal;
    const paint = { plain: (line: string) => line, good: colours.green, bad: colours.red }[mood];
    const time = duration(this.clock.now() - this.began).padStart(TIME_WIDTH);
    this.terminal.out(
      `${colours.dim(time)}  ${colours.bold(printable(subject).padEnd(SUBJECT_WIDTH))}  ${paint(shown)}`,
    );
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
