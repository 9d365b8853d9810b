import { type Log, silentLog } from '../lifecycle/log';
import type { World } from './world';

/** The log of production code, as lines of the story. Silent if no story is written. */
export function logOf({ narrate }: World, who: string): Log {
  if (!narrate) return silentLog;
  const at = (mark: string) => (fact: string, details?: Record<string, unknown>) =>
    narrate(who, `${mark} ${fact}${details ? ` ${shorten(JSON.stringify(details))}` : ''}`);
  return { info: at('·'), warn: at('!'), error: at('!!') };
}

/** The text with each job id cut to six digits. Six digits tell a history's jobs apart. */
export function shorten(text: string): string {
  return text.replace(/[0-9a-f]{64}/g, (id) => id.slice(0, 6));
}
