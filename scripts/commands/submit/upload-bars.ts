import { MultiBar, type SingleBar } from 'cli-progress';
import { basename } from 'node:path';
import type { PlannedUpload } from '../../pipeline/upload-files';
import { bytes, printable } from '../../console/terminal';

/** Columns from which on a bar has room for more than its name. */
const WIDE_COLUMNS = 70;
const NAME_WIDTH = 20;

/** A bar for each file that is being uploaded, and one for all files. Without a terminal, there are no bars. */
export class UploadBars {
  private readonly bars: MultiBar | undefined;
  private readonly all: SingleBar | undefined;
  private readonly loaded = new Map<PlannedUpload, number>();
  private readonly totalBytes: number;

  constructor(
    planned: readonly PlannedUpload[],
    stream: (NodeJS.WritableStream & { columns?: number }) | undefined,
  ) {
    this.totalBytes = planned.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (!stream) return;
    const isWide = (stream.columns ?? 0) >= WIDE_COLUMNS;
    this.bars = new MultiBar({
      stream,
      format: isWide ? '{name} {bar} {percentage} % of {size}' : '{name} {bar} {percentage} %',
      barsize: isWide ? 25 : 8,
      hideCursor: true,
      clearOnComplete: true,
    });
    this.all = this.bars.create(this.totalBytes, 0, {
      name: `all ${planned.length}`.padEnd(isWide ? NAME_WIDTH : 12),
      size: bytes(this.totalBytes),
    });
  }

  begin(upload: PlannedUpload): { update: (loaded: number) => void; end: () => void } {
    const name = printable(basename(upload.file), 12).padEnd(12);
    const bar = this.bars?.create(upload.sizeBytes, 0, { name, size: bytes(upload.sizeBytes) });
    const update = (loaded: number) => {
      bar?.update(loaded);
      this.loaded.set(upload, loaded);
      this.all?.update([...this.loaded.values()].reduce((sum, one) => sum + one, 0));
    };
    return {
      update,
      end: () => {
        if (bar) this.bars?.remove(bar);
      },
    };
  }

  stop(): void {
    this.bars?.stop();
  }
}
