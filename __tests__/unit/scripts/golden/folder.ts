import { mkdirSync, mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where the commands run; it has a space in its name. */
export const folder = realpathSync(mkdtempSync(join(tmpdir(), 'golden ')));

// scripts/tools/project.ts reads this once, so that this file is imported before any command.
process.env.LAMPLIGHTER_LOCAL_DIRECTORY = join(folder, 'local');
mkdirSync(process.env.LAMPLIGHTER_LOCAL_DIRECTORY);
