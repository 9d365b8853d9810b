import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** The Chromium of this machine. In CI, where tools are required, a missing Chromium fails the tests. */
export function findChromium(): string | undefined {
  const { LAMPLIGHTER_CHROMIUM: named, PATH = '' } = process.env;
  const found = [
    ...(named === undefined ? [] : [named]),
    ...PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name))),
  ].find(isExecutable);
  if (found !== undefined) return found;
  const text =
    'no Chromium is on the PATH (apt-get install chromium brings it, or LAMPLIGHTER_CHROMIUM names one): the tests of pages in a browser cannot run';
  if (process.env.CI === 'true' || process.env.LAMPLIGHTER_REQUIRE_TOOLS === '1') throw new Error(text);
  console.warn(`${text} and are SKIPPED`);
  return undefined;
}

export function startBrowser(program: string): Promise<Browser> {
  // Chromium's own sandbox needs privileges that containers lack. The pages here are our own.
  return chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
