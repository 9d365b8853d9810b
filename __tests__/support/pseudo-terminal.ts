import type * as NodePty from '@lydell/node-pty';
import { Terminal as Screen } from '@xterm/headless';
import { eventually } from './local-cloud';

/**
 * Runs Node.js programs in a real terminal. Undefined: this platform has no pseudo-terminal. In CI, where
 * tools are required, that is an error.
 */
export function openPty(): typeof NodePty | undefined {
  try {
    // The package's binaries are optional dependencies, one for each platform.
    return jest.requireActual<typeof NodePty>('@lydell/node-pty');
  } catch (error) {
    const text = `@lydell/node-pty has no binary for ${process.platform}-${process.arch}: nothing can be run in a terminal`;
    if (process.env.CI === 'true' || process.env.LAMPLIGHTER_REQUIRE_TOOLS === '1')
      throw new Error(text, { cause: error });
    console.warn(`${text}, those tests are SKIPPED`);
    return undefined;
  }
}

/** The screen of a person who has run a program in a terminal of so many columns. */
export interface Seen {
  /** The exit code; 128 + the signal's number, if a signal ended the program. */
  readonly code: number;
  /** All lines without colours, also those that have scrolled away. */
  readonly lines: readonly string[];
  readonly text: string;
  /** Lines of several words that were too wide, so that the terminal had to break them. */
  readonly broken: readonly string[];
  readonly hasColours: boolean;
  /** Whether the program has hidden the cursor at some time, and whether the cursor is visible now. */
  readonly cursor: { readonly wasHidden: boolean; readonly isShown: boolean };
}

const ROWS = 50;

/** A program in a terminal. `screen` interprets its output as a terminal does. */
export class PseudoTerminal {
  private readonly screen: Screen;
  private readonly child: NodePty.IPty;
  private raw = '';
  private end: { code: number } | undefined;

  constructor(
    pty: typeof NodePty,
    args: readonly string[],
    options: { readonly columns: number; readonly cwd: string; readonly env: NodeJS.ProcessEnv },
  ) {
    const { columns: cols, cwd, env } = options;
    this.screen = new Screen({ cols, rows: ROWS, scrollback: 10_000, allowProposedApi: true });
    this.child = pty.spawn(process.execPath, [...args], {
      ...{ name: 'xterm-256color', cols, rows: ROWS, cwd },
      env,
    });
    this.child.onData((data) => {
      this.raw += data;
      this.screen.write(data);
    });
    this.child.onExit(({ exitCode, signal = 0 }) => {
      this.end = { code: signal > 0 ? 128 + signal : exitCode };
    });
  }

  /** Waits until the program has written the text. */
  async until(text: string | RegExp, limitMs = 120_000): Promise<void> {
    await eventually(
      String(text),
      () => {
        if (this.raw.search(text) >= 0) return true;
        if (this.end) throw new Error(`it ended (${this.end.code}) without ${String(text)}:\n${this.raw}`);
        return undefined;
      },
      limitMs,
    );
  }

  press(keys: string): void {
    this.child.write(keys);
  }

  async seen(limitMs = 150_000): Promise<Seen> {
    const { code } = await eventually('its end', () => this.end, limitMs);
    await new Promise<void>((resolve) => this.screen.write('', resolve));
    const { lines, broken } = linesOf(this.screen);
    const cursors = [...this.raw.matchAll(/\u001b\[\?25([lh])/g)].map(([, last]) => last);
    return {
      ...{ code, lines, broken },
      text: lines.join('\n'),
      hasColours: /\u001b\[\d+m/.test(this.raw),
      cursor: { wasHidden: cursors.includes('l'), isShown: cursors.at(-1) !== 'l' },
    };
  }

  /** Ends the program, if it has not ended. */
  kill(): void {
    if (!this.end) this.child.kill('SIGKILL');
  }
}

/** Joins the rows of a line that the terminal has broken. All rows but the first are marked as wrapped. */
function linesOf(screen: Screen): { lines: string[]; broken: string[] } {
  const lines: string[] = [];
  const broken = new Set<number>();
  const { normal } = screen.buffer;
  for (let index = 0; index < normal.length; index += 1) {
    const isBroken = normal.getLine(index + 1)?.isWrapped === true;
    const text = normal.getLine(index)?.translateToString(!isBroken) ?? '';
    if (normal.getLine(index)?.isWrapped === true) lines.push(`${lines.pop() ?? ''}${text}`);
    else lines.push(text);
    if (isBroken) broken.add(lines.length - 1);
  }
  while (lines.at(-1) === '') lines.pop();
  return { lines, broken: lines.filter((line, index) => broken.has(index) && /\S\s+\S/.test(line)) };
}
