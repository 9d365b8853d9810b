const MAX_CHARACTERS = 100;
const FALLBACK = 'input';

/**
 * The name of a model's input file: the key's last segment reduced to `[A-Za-z0-9._-]`, at most 100 characters. The
 * suffix stays. The name never begins with a dot (a hidden file) or a hyphen (an option). If nothing is left, the name
 * is `input`. Uploaders choose the key, so a key must not be able to name another file.
 */
export function inputName(key: string): string {
  const segment = key.slice(key.lastIndexOf('/') + 1).replace(/[^A-Za-z0-9._-]+/g, '_');
  const suffix = /(?:\.[A-Za-z0-9]{1,16}){1,2}$/.exec(segment)?.[0] ?? '';
  const stem = segment
    .slice(0, segment.length - suffix.length)
    .replace(/^[.-]+/, '')
    .slice(0, MAX_CHARACTERS - suffix.length);
  return `${/[A-Za-z0-9]/.test(stem) ? stem : FALLBACK}${suffix}`;
}
