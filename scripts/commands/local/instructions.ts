import type { Manifest } from '../../../lifecycle/manifest';
import { shellQuoted } from '../../console/shell-quoted';
import type { Terminal } from '../../console/terminal';
import { PROJECT_FOLDER } from '../../tools/project';

/** Prints how to use the local cloud from another terminal. */
export function showInstructions(
  terminal: Terminal,
  { dataBucket }: Manifest,
  endpoint: string,
  pageUrl: string,
): void {
  const { colours } = terminal;
  const lines: [string, string][] = [
    ['In a browser', pageUrl],
    // Outside the checkout, npx would look for a package of that name in npm's registry.
    ['First', `cd ${shellQuoted(PROJECT_FOLDER)}`],
    ['Submit a file', 'npx lamplighter submit FILE --wait'],
    ['Check progress', 'npx lamplighter status'],
    ['With any AWS tool', 'eval "$(npx lamplighter env)"'],
    ['', `aws s3 cp FILE s3://${dataBucket}/ --endpoint-url ${endpoint}`],
    [
      'Deploy your changes',
      'eval "$(npx lamplighter env)" && npx cdktf deploy --skip-provider-lock --auto-approve',
    ],
  ];
  terminal.out();
  terminal.out('The local cloud stays up until Ctrl-C. In a second terminal:');
  for (const [purpose, command] of lines) terminal.out(`  ${colours.dim(purpose.padEnd(20))} ${command}`);
  terminal.out();
}
