/** Variables that a model inherits from the drain. None is a credential (`AWS_*`) or Lamplighter's own. */
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

/** A model's whole environment: the drain's variables on the allow-list, a home folder and a temporary folder. */
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
