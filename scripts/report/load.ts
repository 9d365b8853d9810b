import { createRequire } from 'node:module';
import type * as liveServer from './live-server';
import type * as page from './page';

/**
 * The plotting library takes a second to load, and other commands must not wait for it. `import()` would
 * bypass the hook on `require` by which bin/lamplighter.js loads TypeScript.
 */
const load = createRequire(__filename);

export const loadPage = () => load('./page') as typeof page;
export const loadLiveServer = () => load('./live-server') as typeof liveServer;
