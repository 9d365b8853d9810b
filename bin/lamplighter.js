#!/usr/bin/env node
'use strict';
// Plain JavaScript that any Node.js can parse: it says what is missing before TypeScript is loaded.

const MISSING = 3;
/** When a long command loads what it has not needed yet, in milliseconds after its start. */
const LOAD_REST_MS = 2000;
const [major, minor] = process.versions.node.split('.').map(Number);

function missing(text) {
  process.stderr.write(`lamplighter: ${text}\n`);
  process.exit(MISSING);
}

if (major < 20 || (major === 20 && minor < 19)) {
  missing(`Node.js 20.19 or newer is needed, this is ${process.versions.node}. See https://nodejs.org`);
}

try {
  require.resolve('tsx/cjs');
} catch {
  missing('its libraries are not installed. Run "npm ci" in the folder of Lamplighter first.');
}

// Node.js 20 is what this project supports; the SDK's advice to upgrade would stand between the steps.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

const { loadRest, register } = require('./typescript.js');
if (register()) setTimeout(loadRest, LOAD_REST_MS).unref();
else require('tsx/cjs');

require('../scripts/lamplighter.ts')
  .main(process.argv.slice(2))
  .then((code) => process.exit(code));
