import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT, temporaryFolder } from '../support/synth';

/** Runs main.ts as `cdktf synth` does. NODE_OPTIONS reaches each Node.js process that tsx starts. */
function synthesized(nodeOptions = ''): string {
  const outdir = temporaryFolder();
  execFileSync(process.execPath, [require.resolve('tsx/cli'), 'main.ts'], {
    cwd: PROJECT,
    env: { ...process.env, CDKTF_OUTDIR: outdir, NODE_OPTIONS: nodeOptions },
    stdio: 'pipe',
  });
  return outdir;
}

const read = (...path: string[]) =>
  JSON.parse(readFileSync(join(...path), 'utf8')) as Record<string, unknown>;

/** The tool's comment in the JSON: its version and its features that were on. */
function withoutComment(stack: Record<string, unknown>): [Record<string, unknown>, unknown] {
  const { '//': comment, ...rest } = stack;
  return [rest, comment];
}

describe('a move to the community’s fork stays possible', () => {
  const ours = synthesized();
  const alias = join(PROJECT, '__tests__', 'support', 'cdk-terrain.cjs');
  const theirs = synthesized(`--require ${JSON.stringify(alias)}`);
  const stacks = readdirSync(join(ours, 'stacks'));

  test.each(stacks)(
    'under CDK Terrain %s is the same Terraform, but for the comment on who wrote it',
    (name) => {
      const path = ['stacks', name, 'cdk.tf.json'];
      const [our, ourComment] = withoutComment(read(ours, ...path));
      const [their, theirComment] = withoutComment(read(theirs, ...path));
      expect(their).toEqual(our);
      // The comments name two versions, so both tools ran.
      expect(ourComment).toMatchObject({ metadata: { version: '0.21.0' } });
      expect(theirComment).toMatchObject({ metadata: { version: '0.24.0' } });
    },
  );

  test('and the files to upload are the same, byte for byte', () => {
    for (const stack of stacks) {
      const files = (root: string) =>
        readdirSync(join(root, 'stacks', stack, 'files'), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
          .sort();
      expect(files(theirs)).toEqual(files(ours));
      for (const file of files(ours)) {
        expect(readFileSync(join(theirs, file)).equals(readFileSync(join(ours, file)))).toBe(true);
      }
    }
  });
});
