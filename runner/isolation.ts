/** Facts about the machine on which a model will run. */
export interface PlatformFacts {
  /** User id of the drain's process. Undefined: the platform has no user ids. */
  readonly uid: number | undefined;
  /** True if systemd is the machine's first process (`/run/systemd/system` exists). */
  readonly systemd: boolean;
  /** True if the machine is the local cloud's sandbox, which is in its user's own folders. */
  readonly sandbox: boolean;
}

/** How to start a model's programs. */
export interface Isolation {
  /** Command line that goes before the program and its arguments. */
  readonly wrapper: readonly string[];
  /** Id of the user (and group) that runs the program and owns its files. Undefined: the drain's user. */
  readonly uid: number | undefined;
  /** The systemd slice of all programs of this slot. Ending the slice's cgroup ends all their processes. Undefined: none. */
  readonly slice: string | undefined;
}

/**
 * The last command before the program. Each command replaces the one before it, so this one runs only if all others have
 * worked. It says so on descriptor 3, which the program does not get.
 */
const BEGIN = ['/bin/sh', '-c', 'printf begun >&3; exec "$@" 3>&-', 'sh'];

/** User id of a model in slot 0. Each slot has its own id. No stock image uses these ids, and no account is needed. */
const FIRST_UID = 20_000;

/** Number of slots, and so of user ids: the highest `parallelJobs` that model.json may have. */
const SLOTS = 64;

/** Whether a model of any slot runs, or ran, as this user. */
export function isModelUser(uid: number): boolean {
  return uid >= FIRST_UID && uid < FIRST_UID + SLOTS;
}

/** The slice of the slices of all slots. systemd makes it from their names. */
export const MODELS_SLICE = 'lamplighter.slice';

/**
 * A model must reach neither the instance's credentials nor another job's files. On a machine of our own (root,
 * systemd) each slot has its own user, who cannot gain privileges. The programs run in a systemd scope that drops
 * packets to the metadata service (IPv4 and IPv6). On other machines the programs run as ordinary processes.
 *
 * `setpriv` changes the user, inside the scope. `systemd-run --scope --uid=` does not work here: it looks the user up
 * in the account database, and it keeps root's supplementary groups.
 *
 * @param slot index of this job among those side by side, from 0.
 */
export function isolate({ uid, systemd, sandbox }: PlatformFacts, slot: number): Isolation {
  if (uid !== 0 || !systemd || sandbox) return { wrapper: [], uid: undefined, slice: undefined };
  const user = FIRST_UID + slot;
  return {
    uid: user,
    slice: `lamplighter-slot${slot}.slice`,
    wrapper: [
      'systemd-run',
      '--scope',
      '--quiet',
      '--collect',
      `--slice=lamplighter-slot${slot}.slice`,
      '--property=IPAddressDeny=169.254.169.254/32',
      '--property=IPAddressDeny=fd00:ec2::254/128',
      '--',
      'setpriv',
      `--reuid=${user}`,
      `--regid=${user}`,
      '--clear-groups',
      '--no-new-privs',
      '--',
      ...BEGIN,
    ],
  };
}
