const MAX_CHARACTERS = 100;
const FALLBACK = 'input';

/**
 * The file name under which a model gets its input: the key's last segment reduced to `[A-Za-z0-9._-]`, at most 100
 * characters, never beginning with a dot or a hyphen (a hidden file, an option), its suffix kept; `input` if nothing of
 * it is left. A key is its uploader's to choose and must not be able to name any other file.
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
