// Loaded before everything else (node --require), this gives who asks for `cdktf` the community's fork, `cdktn`: what
// `"cdktf": "npm:cdktn@…"` in package.json does, without a second node_modules.
const Module = require('node:module');

const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  return resolve.call(this, request.replace(/^cdktf(?=$|\/)/, 'cdktn'), ...rest);
};
