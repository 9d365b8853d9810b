import { build } from 'esbuild';
import { bundleOptions, type Part } from './bundle';

/** The SDK's commands in a part's bundle: the command's class and its client, such as `s3`. */
export async function commandsIn(packageFolder: string, part: Part): Promise<Map<string, string>> {
  const options = { ...bundleOptions(packageFolder, part), write: false, metafile: true } as const;
  const { metafile } = await build(options);
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  const commands = inputs.flatMap(([path, { bytesInOutput }]) => {
    const [, client, command] = /client-([\w-]+)\/dist-es\/commands\/(\w+)\.js$/.exec(path) ?? [];
    return bytesInOutput > 0 && client && command ? [[command, client] as const] : [];
  });
  return new Map(commands);
}
