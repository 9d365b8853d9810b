/** What is known of the machine when a model is to be started. */
export interface PlatformFacts {
  /** Of the drain's own process; undefined where there are none. */
  readonly uid: number | undefined;
  /** Whether systemd is the machine's first process (`/run/systemd/system` exists). */
  readonly systemd: boolean;
  /** Whether the machine is the local cloud's sandbox, which stands below its user's own folders. */
  readonly sandbox: boolean;
}

/** How a model's programs are started. */
export interface Isolation {
  /** Put before the program and its arguments. */
  readonly wrapper: readonly string[];
  /** The user (and group) the program runs as, who must own what it writes; undefined: the drain's own. */
  readonly uid: number | undefined;
}

/** User ids of models, one a slot. No account of a stock image has them, and none is needed. */
const FIRST_UID = 20_000;

/**
 * A model must reach neither the instance's credentials nor another job's files. On a machine that is really ours (root,
 * systemd) its programs run as a user of their own, who cannot gain privileges, in a scope whose packets to the
 * metadata service are dropped (IPv4 and IPv6). Elsewhere they run plainly.
 *
 * The user is changed by setpriv inside the scope: `systemd-run --scope --uid=` looks the user up in the account
 * database, and leaves root's supplementary groups in place.
 *
 * @param slot which of the jobs side by side this is, from 0.
 */
export function isolate({ uid, systemd, sandbox }: PlatformFacts, slot: number): Isolation {
  if (uid !== 0 || !systemd || sandbox) return { wrapper: [], uid: undefined };
  const user = FIRST_UID + slot;
  return {
    uid: user,
    wrapper: [
      'systemd-run',
      '--scope',
      '--quiet',
      '--collect',
      '--property=IPAddressDeny=169.254.169.254/32',
      '--property=IPAddressDeny=fd00:ec2::254/128',
      '--',
      'setpriv',
      `--reuid=${user}`,
      `--regid=${user}`,
      '--clear-groups',
      '--no-new-privs',
      '--',
    ],
  };
}
