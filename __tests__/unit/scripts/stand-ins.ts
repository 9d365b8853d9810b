import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createColors } from 'picocolors';
import type { Terminal } from '../../../scripts/console/terminal';

/** A folder of its own, with a space in its name; the test removes it. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'lamplighter scripts-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** An executable shell script. */
export function script(path: string, ...lines: string[]): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, ['#!/bin/sh', ...lines, ''].join('\n'));
  chmodSync(path, 0o755);
  return path;
}

/** A terminal that keeps what it is told, without colours. */
export function recordingTerminal(): Terminal & { readonly stdout: string[]; readonly stderr: string[] } {
  const stdout: string[] = [];
  const stderr: string[] = [];
  return {
    stdout,
    stderr,
    colours: createColors(false),
    out: (line = '') => void stdout.push(line),
    err: (line) => void stderr.push(line),
  };
}

/** An HTTP server on loopback. */
export async function listen(
  handler: Parameters<typeof createServer>[1],
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server: Server = createServer({}, handler ?? (() => undefined));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
