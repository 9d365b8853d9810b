import { fork } from 'node:child_process';

/** Bigger than the default, from the beginning: most of what a history makes dies with it. In megabytes. */
const NODE_OPTIONS = ['--min-semi-space-size=32', '--max-semi-space-size=32'];

/** Has a bundle obey one order in a process of its own; its answer. Rejects when the process ends without one, as it does on `signal`. */
export function inChild<T>(bundle: string, order: object, signal?: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = fork(bundle, { execArgv: NODE_OPTIONS, signal });
    let answered = false;
    child.once('message', (answer) => {
      answered = true;
      resolve(answer as T);
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (!answered)
        reject(new Error(`a simulator process ended without an answer (${code ?? signal ?? '?'})`));
    });
    child.send(order);
  });
}
