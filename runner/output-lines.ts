import { StringDecoder } from 'node:string_decoder';

/** Maximum length of a line. Longer lines are cut, because a model's output must not fill the drain's memory. */
const MAX_LINE_CHARACTERS = 2_000;
const MAX_TAIL_CHARACTERS = 16_384;

/** Splits one of a model's two output streams into lines, and keeps the last 16 kB. */
export class OutputLines {
  private readonly decoder = new StringDecoder('utf8');
  private line = '';
  private kept = '';

  constructor(private readonly onLine: (line: string) => void) {}

  /** The end of the output, at most 16,384 characters. Begins at the start of a line if possible. */
  get tail(): string {
    if (this.kept.length < MAX_TAIL_CHARACTERS) return this.kept;
    const newline = this.kept.indexOf('\n');
    return newline === -1 ? this.kept : this.kept.slice(newline + 1);
  }

  write(chunk: Buffer): void {
    this.add(this.decoder.write(chunk));
  }

  end(): void {
    this.add(this.decoder.end());
    this.flush();
  }

  private add(text: string): void {
    this.kept = (this.kept + text).slice(-MAX_TAIL_CHARACTERS);
    // A progress bar rewrites its line with carriage returns.
    const [first = '', ...rest] = text.split(/\r\n|\n|\r/);
    this.extend(first);
    for (const piece of rest) {
      this.flush();
      this.extend(piece);
    }
  }

  private extend(piece: string): void {
    this.line = (this.line + piece).slice(0, MAX_LINE_CHARACTERS);
  }

  private flush(): void {
    if (this.line !== '') this.onLine(this.line);
    this.line = '';
  }
}
