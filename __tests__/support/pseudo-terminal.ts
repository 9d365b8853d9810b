import type * as NodePty from '@lydell/node-pty';
import { Terminal as Screen } from '@xterm/headless';
import { eventually } from './local-cloud';

/** Node.js programs in a real terminal; undefined where there is no pseudo-terminal for this platform, but an error where tools are required (CI). */
export function openPty(): typeof NodePty | undefined {
  try {
    // Its binaries are optional dependencies, one for each platform.
    return jest.requireActual<typeof NodePty>('@lydell/node-pty');
  } catch (error) {
    const text = `@lydell/node-pty has no binary for ${process.platform}-${process.arch}: nothing can be run in a terminal`;
    if (process.env.CI === 'true' || process.env.LAMPLIGHTER_REQUIRE_TOOLS === '1')
      throw new Error(text, { cause: error });
    console.warn(`${text}, those tests are SKIPPED`);
    return undefined;
  }
}

/** What a person sees who has run a program in a terminal of so many columns. */
export interface Seen {
  /** 128 + the signal, if one ended it. */
  readonly code: number;
  /** Every line, also those that have scrolled away, without colours. */
  readonly lines: readonly string[];
  readonly text: string;
  /** Lines of several words that were too wide, so that the terminal had to break them. */
  readonly broken: readonly string[];
  readonly hasColours: boolean;
  /** Whether the program had hidden the cursor at some time, and whether it stands there now. */
  readonly cursor: { readonly wasHidden: boolean; readonly isShown: boolean };
}

const ROWS = 50;

/** One program in a terminal; `screen` interprets what it writes as a terminal does. */
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

  /** Waits until it has written that. */
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

  /** Ends it, if it has not ended. */
  kill(): void {
    if (!this.end) this.child.kill('SIGKILL');
  }
}

/** A line that the terminal has broken stands in several rows, of which all but the first are marked. */
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
