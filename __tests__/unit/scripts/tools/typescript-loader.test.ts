import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CHECKOUT = join(__dirname, '..', '..', '..', '..');
const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

/** A checkout with these sources, in a folder whose name has a space. */
function checkout(sources: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'a checkout '));
  folders.push(folder);
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'node_modules'));
  cpSync(join(CHECKOUT, 'bin', 'typescript.js'), join(folder, 'bin', 'typescript.js'));
  symlinkSync(join(CHECKOUT, 'node_modules', 'esbuild'), join(folder, 'node_modules', 'esbuild'));
  for (const [name, text] of Object.entries(sources)) writeFileSync(join(folder, name), text);
  return folder;
}

/** What the program prints that loads `main.ts` of the checkout, and then runs `then`. */
function run(folder: string, then = ''): string {
  const program =
    `const typescript = require('./bin/typescript.js'); console.log(typescript.register());` +
    `const main = require('./main.ts'); ${then}`;
  return execFileSync(process.execPath, ['-e', program], { cwd: folder, encoding: 'utf8' });
}

it('a source that has changed is never run as it was, not even if its time and size are the same', () => {
  const folder = checkout({ 'main.ts': 'console.log("old" as string);' });
  expect(run(folder)).toBe('true\nold\n');
  const { atime, mtime } = statSync(join(folder, 'main.ts'));
  writeFileSync(join(folder, 'main.ts'), 'console.log("new" as string);');
  utimesSync(join(folder, 'main.ts'), atime, mtime);
  expect(run(folder)).toBe('true\nnew\n');
  expect(run(folder)).toBe('true\nnew\n');
});

it('a module is loaded when a line needs it, and not before', () => {
  const folder = checkout({
    'main.ts': 'import { text } from "./heavy"; export const act = () => text; console.log("help");',
    'heavy.ts': 'console.log("heavy"); export const text = "acted";',
  });
  expect(run(folder)).toBe('true\nhelp\n');
  expect(run(folder, 'console.log(main.act(), main.act());')).toBe('true\nhelp\nheavy\nacted acted\n');
});

it('what was not needed yet is loaded before a change of its source could be', () => {
  const folder = checkout({
    'main.ts': 'import { text } from "./later"; export const act = () => text;',
    'later.ts':
      'import { deep } from "./deep"; import { none } from "./broken"; export const text = () => deep + none;',
    'broken.ts': 'throw new Error("broken"); export const none = "";',
    'deep.ts': 'export const deep = "as it was";',
  });
  const changed = `require('node:fs').writeFileSync('deep.ts', 'export const deep = "changed";')`;
  const then = `typescript.loadRest(); setTimeout(() => { ${changed}; try { main.act()(); } catch (error) { console.log(error.message, require('./deep.ts').deep); } }, 500);`;
  expect(run(folder, then)).toBe('true\nbroken as it was\n');
});

it('each form of an import means what it means without the loader', () => {
  const folder = checkout({
    'main.ts': `
      import fallback, { Thing, list, object } from './forms';
      import * as forms from './forms';
      import { price } from './prices';
      export { again } from './forms';
      const import_forms = { x: 'own' };
      class Special extends Thing {}
      console.log(new Special().name, new Thing().name, [...list], { ...object, object }, fallback(), forms.again, price);
      console.log(\`\${list.length} \${typeof Thing}\`, import_forms.x, list satisfies number[]);`,
    'forms.ts': `
      export class Thing { name = 'thing'; }
      export const list = [1, 2];
      export const object = { a: 1 };
      export const again = 'again';
      export default () => 'default';`,
    'prices.ts': 'export const price = 3;',
    'prices.json': '{ "price": 4 }',
  });
  expect(run(folder, 'console.log(main.again);')).toBe(
    'true\nthing thing [ 1, 2 ] { a: 1, object: { a: 1 } } default again 3\n2 function own [ 1, 2 ]\nagain\n',
  );
});

it('a checkout that keeps no files leaves TypeScript to tsx', () => {
  const folder = checkout({ 'main.ts': '' });
  writeFileSync(join(folder, 'node_modules', '.cache'), 'a file, so that no folder can be made');
  const program = `console.log(require('./bin/typescript.js').register(), require('node:module')._extensions['.ts']);`;
  expect(execFileSync(process.execPath, ['-e', program], { cwd: folder, encoding: 'utf8' })).toBe(
    'false undefined\n',
  );
});
