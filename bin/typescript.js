'use strict';
// Loads this project's TypeScript by `require`:
//
// - as JavaScript that is kept in node_modules/.cache. A kept file holds the source that it was made from, and counts only for
//   exactly that source. So no change is missed;
// - each module only when a line that needs it runs. `--help` then loads no client of AWS.

const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

const ROOT = path.dirname(__dirname);
const MODULES = path.join(ROOT, 'node_modules');
const CACHE = path.join(MODULES, '.cache', 'lamplighter');

/** Packages that are ES modules and that `--help` needs. Node.js loads an ES module more slowly than a file from the cache. */
const ESM_PACKAGES = [path.join(MODULES, '@bomb.sh') + path.sep];

/** Loaders of modules that no line has needed yet. */
const pending = new Set();
/** Those that `loadRest` could not load. */
const failed = new Set();

/** The name by which the translated files call `lazy`. */
const LAZY = '__lamplighterLazy';

/** Registers the loader. Returns false, and registers nothing, if this checkout cannot keep files. */
function register() {
  try {
    prepareCache();
  } catch {
    return false;
  }
  globalThis[LAZY] = lazy;
  const compile = (module, file) => module._compile(javaScriptOf(file), file);
  const esModule = Module._extensions['.mjs'];
  Module._extensions['.ts'] = compile;
  const resolve = Module._resolveFilename;
  Module._resolveFilename = (request, parent, ...more) =>
    typeScriptFile(request, parent?.filename) ?? resolve(request, parent, ...more);
  Module._extensions['.mjs'] = (module, file) =>
    (ESM_PACKAGES.some((folder) => file.startsWith(folder))
      ? compile
      : (esModule ?? Module._extensions['.js']))(module, file);
  return true;
}

/** The TypeScript of a relative import in TypeScript. Node.js itself would prefer prices.json to prices.ts. */
function typeScriptFile(request, parent) {
  if (!request.startsWith('.') || !parent?.endsWith('.ts')) return undefined;
  const file = `${path.resolve(path.dirname(parent), request)}.ts`;
  return fs.existsSync(file) ? file : undefined;
}

/** Empties the cache if another esbuild, or another version of this file, has made its files. */
function prepareCache() {
  const makers = [__filename, path.join(MODULES, 'esbuild', 'package.json')];
  const maker = makers.map((file) => fs.readFileSync(file, 'utf8')).join('');
  const kept = path.join(CACHE, 'maker.txt');
  if (textOf(kept) !== maker) {
    fs.rmSync(CACHE, { recursive: true, force: true });
    fs.mkdirSync(CACHE, { recursive: true });
    write(kept, maker);
  }
  fs.accessSync(CACHE, fs.constants.W_OK);
}

/** Something whose property `m` is a module, which the first use of the property loads. */
function lazy(load) {
  let loaded;
  const get = () => {
    if (pending.has(get)) loaded = load();
    pending.delete(get);
    return loaded;
  };
  pending.add(get);
  return Object.defineProperty({}, 'm', { get });
}

/**
 * Loads the modules that no line has needed yet, one by one. So a long command does not load a part of itself from a source
 * that was changed meanwhile.
 */
function loadRest() {
  const next = [...pending].find((one) => !failed.has(one));
  if (next === undefined) return;
  try {
    next();
  } catch {
    // The line that needs the module will throw this error.
    failed.add(next);
  }
  setImmediate(loadRest);
}

function javaScriptOf(file) {
  const source = fs.readFileSync(file, 'utf8');
  const kept = path.join(CACHE, `${path.relative(ROOT, file).replaceAll(path.sep, '+')}.js`);
  const text = textOf(kept);
  const from = `${source}${END_OF_SOURCE}`;
  if (text?.startsWith(from)) return text.slice(from.length);
  const code = translated(source, file);
  try {
    write(kept, `${from}${code}`);
  } catch {
    // The next run translates it again.
  }
  return code;
}

const END_OF_SOURCE = '\n// --- translated ---\n';

function textOf(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Another process may write the same file, so it is written beside it and then renamed. */
function write(file, text) {
  const part = `${file}.${process.pid}`;
  fs.writeFileSync(part, text);
  fs.renameSync(part, file);
}

function translated(source, file) {
  const { code } = require('esbuild').transformSync(source, {
    loader: 'ts',
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    // esbuild would give an import of a file .mjs another meaning.
    sourcefile: file.replace(/\.mjs$/, '.js'),
    supported: { 'dynamic-import': false },
    tsconfigRaw: {},
  });
  return withLazyImports(code);
}

/** The statement into which esbuild translates an import, unless the import is only for its effects. */
const IMPORT = /^var (import_\w+) = ((?:__toESM\()?require\("[^"]+"\)(?:, 1)?\)?);$/gm;

function withLazyImports(code) {
  return [...code.matchAll(IMPORT)].reduce((text, [statement, name, load]) => {
    // The name, but not the end of a longer name, nor a property of that name. `...name` spreads it.
    const uses = new RegExp(`(?<![\\w$]|(?<!\\.\\.)\\.)${name}(?![\\w$])`, 'g');
    const rest = text.replace(statement, '');
    // If the module itself is used, and not a property of it, the import stays as it is.
    if ([...rest.matchAll(uses)].some(({ index }) => rest[index + name.length] !== '.')) return text;
    const [before, after] = text.split(statement);
    const inLazy = (part) => part.replace(uses, `${name}.m`);
    return `${inLazy(before)}var ${name} = ${LAZY}(() => ${load});${inLazy(after)}`;
  }, code);
}

module.exports = { loadRest, register };
