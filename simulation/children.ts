import { fork } from 'node:child_process';
import { once } from 'node:events';

/** Bigger than the default, from the beginning: most of what a history makes dies with it. In megabytes. */
const NODE_OPTIONS = ['--min-semi-space-size=32', '--max-semi-space-size=32'];

type Reply<T> = { readonly answer: T } | { readonly failure: string };

/** Has the process sendTask an task; its answer. One at a time. Rejects when the process ends without an answer. */
export type SendTask = <T>(task: object) => Promise<T>;

/** Has a process of a bundle sendTask orders for as long as `use` lasts; it ends with it, and on `signal`. */
export async function withChild<T>(
  bundle: string,
  use: (sendTask: SendTask) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const child = fork(bundle, { execArgv: NODE_OPTIONS, signal });
  const ended = once(child, 'exit').then(([code, killedBy]) => {
    throw new Error(`a simulator process ended without an answer (${String(code ?? killedBy)})`);
  });
  // An end is news only while an task is out.
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

/** Has a process of its own sendTask one task. */
export function inChild<T>(bundle: string, task: object, signal?: AbortSignal): Promise<T> {
  return withChild(bundle, (sendTask) => sendTask<T>(task), signal);
}
