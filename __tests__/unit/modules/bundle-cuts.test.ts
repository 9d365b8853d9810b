import { transformSync } from 'esbuild';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInThisContext } from 'node:vm';
import { inlined, SCHEMAS } from '../../../modules/bundle-cuts';

const PACKAGES = join(__dirname, '..', '..', '..', 'node_modules', '@aws-sdk');
const files = ['ec2', 'lambda', 's3', 'ssm'].flatMap((client) => {
  const folder = join(PACKAGES, `client-${client}`, 'dist-es', 'schemas');
  return readdirSync(folder).map((name) => join(folder, name));
});

test.each(files)('%s has the same schemas with literal keys, so that no field changes its name', (file) => {
  expect(file).toMatch(SCHEMAS);
  const text = readFileSync(file, 'utf8');
  const cut = inlined(text, file);
  expect(exportsOf(cut)).toEqual(exportsOf(text));
  expect(cut).not.toMatch(/\[_\w+\]:/);
  expect(Object.keys(exportsOf(text)).length).toBeGreaterThan(100);
});

test.each([
  ['a variable', 'let _a = "a";\nexport var x = { [_a]: 1 };'],
  ['a number', 'const _a = 1;\nexport var x = { [_a]: 1 };'],
  ['the prototype', 'const _a = "__proto__";\nexport var x = { [_a]: 1 };'],
])('a key that is %s is refused, instead of written wrongly', (_, text) => {
  expect(() => inlined(text, 'a file')).toThrow('a file has the key [_a]:, which is no string constant');
});

/** What a file of schemas exports. Functions count by their text, and packages and other files are names. */
function exportsOf(text: string): Record<string, unknown> {
  const module = { exports: {} as Record<string, unknown> };
  const { code } = transformSync(text, { format: 'cjs' });
  const run = runInThisContext(`(module, require) => {${code}\n}`) as (...given: unknown[]) => void;
  run(module, packageOf);
  const entries = Object.entries(module.exports).map(([name, value]) => [name, comparable(value)]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}

function packageOf(path: string): unknown {
  class TypeRegistry {
    readonly errors: unknown[] = [];
    constructor(readonly namespace: string) {}
    static for(namespace: string) {
      return new TypeRegistry(namespace);
    }
    registerError(...error: unknown[]) {
      this.errors.push(error);
    }
  }
  return new Proxy(
    { TypeRegistry },
    { get: (own, name): unknown => Reflect.get(own, name) ?? `${path} ${String(name)}` },
  );
}

function comparable(value: unknown): unknown {
  if (typeof value === 'function') return String(value);
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value).map(([key, each]) => [key, comparable(each)]);
}
