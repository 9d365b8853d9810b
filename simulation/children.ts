import { fork } from 'node:child_process';
import { once } from 'node:events';

/** Sizes of the young generation in megabytes, larger than the default: most objects of a history die with it. */
const NODE_OPTIONS = ['--min-semi-space-size=32', '--max-semi-space-size=32'];

type Reply<T> = { readonly answer: T } | { readonly failure: string };

/**
 * Sends a task to the process and returns its answer. One task at a time. Rejects if the process ends without an
 * answer.
 */
export type SendTask = <T>(task: object) => Promise<T>;

/** Starts a process of a bundle and runs `use`. The process ends when `use` ends or `signal` aborts. */
export async function withChild<T>(
  bundle: string,
  use: (sendTask: SendTask) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const child = fork(bundle, { execArgv: NODE_OPTIONS, signal });
  const ended = once(child, 'exit').then(([code, killedBy]) => {
    throw new Error(`a simulator process ended without an answer (${String(code ?? killedBy)})`);
  });
  // The end of the process is an error only while a task waits for its answer.
  ended.catch(() => undefined);
  try {
    return await use(async <A>(task: object) => {
      child.send(task);
      const [reply] = (await Promise.race([once(child, 'message'), ended])) as [Reply<A>];
      if ('failure' in reply) throw new Error(reply.failure);
      return reply.answer;
    });
  } finally {
    if (child.connected) child.disconnect();
  }
}

/** Runs one task in a process of its own. */
export function inChild<T>(bundle: string, task: object, signal?: AbortSignal): Promise<T> {
  return withChild(bundle, (sendTask) => sendTask<T>(task), signal);
}
