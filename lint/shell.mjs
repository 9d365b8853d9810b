/**
 * Runs shellcheck on every shell script of the project. Without shellcheck it says so loudly; if LAMPLIGHTER_REQUIRE_TOOLS
 * is set, it fails then.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const { stdout } = spawnSync('git', ['ls-files', '-z'], { encoding: 'utf8' });
const scripts = stdout
  .split('\0')
  .filter((path) => path.endsWith('.sh') || (path !== '' && /^#!.*sh\b/.test(firstLine(path))));

// SC2154: modules/drain-document.ts sets variables of its scripts. SC2317: a trap calls functions.
const run = spawnSync('shellcheck', ['--shell=bash', '--exclude=SC2154,SC2317', '--', ...scripts], {
  stdio: 'inherit',
});
if (run.error) {
  const isRequired = Boolean(process.env.LAMPLIGHTER_REQUIRE_TOOLS);
  process.stderr.write(
    `${isRequired ? 'FAILED' : 'SKIPPED'}: ${scripts.length} shell scripts are not checked: shellcheck is missing. ` +
      'Install it, for example with `apt-get install shellcheck` or `brew install shellcheck`.\n',
  );
  process.exitCode = isRequired ? 1 : 0;
} else {
  process.exitCode = run.status ?? 1;
}

function firstLine(path) {
  try {
    return readFileSync(path, 'utf8').split('\n', 1)[0];
  } catch {
    // A file that is deleted but not committed.
    return '';
  }
}
