/** Names that pass from the drain to a model. Credentials (`AWS_*`) and Lamplighter's own are never among them. */
const PASSED = [
  /^PATH$/,
  /^LANG$/,
  /^LC_[A-Z]+$/,
  /^TZ$/,
  /^PIP_[A-Z_]+$/,
  /^(?:https?|no|all)_proxy$/i,
  /^SSL_CERT_(?:FILE|DIR)$/,
  /^CUDA[A-Z0-9_]*$/,
  /^NVIDIA[A-Z0-9_]*$/,
];

/** A model's whole environment, by allow-list: what it needs of the machine's, and a home of its own. */
export function modelEnvironment(
  own: NodeJS.ProcessEnv,
  { home, temporary }: { home: string; temporary: string },
): Record<string, string> {
  const passed = Object.entries(own).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && PASSED.some((pattern) => pattern.test(entry[0])),
  );
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    ...Object.fromEntries(passed),
    HOME: home,
    TMPDIR: temporary,
  };
}
