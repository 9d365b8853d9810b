import type { IamRecord } from '../../local-cloud/iam/record';
import type { Granted } from './granted';
import type { Unused } from './reasons';

interface Row {
  readonly role: string;
  readonly statement: string;
  readonly action: string;
  readonly times: number;
  /** The reason why an action is granted although no test uses it. */
  readonly reason: string | undefined;
}

export interface Judgement {
  readonly rows: readonly Row[];
  /** Findings to repair. Empty: each permission is used or has a reason, and no needed call was denied. */
  readonly problems: readonly string[];
}

/** Compares the granted actions with the used ones. */
export function judge(
  granted: readonly Granted[],
  records: readonly IamRecord[],
  unused: readonly Unused[],
): Judgement {
  const isOf = (role: string, name: string) => name.endsWith(`-${role}`);
  const uses = records.flatMap((record) => record.uses);
  const rows = granted.map(({ role, statement, action }): Row => {
    const own = uses.filter(
      (use) => isOf(role, use.role) && use.statement === statement && use.action === action,
    );
    const exception = unused.find(
      (each) => each.role === role && each.statement === statement && each.actions.includes(action),
    );
    return {
      role,
      statement,
      action,
      times: own.reduce((sum, { times }) => sum + times, 0),
      reason: exception?.reason,
    };
  });
  const roles = [...new Set(granted.map(({ role }) => role))];
  const denials = records
    .flatMap((record) => record.denials)
    .filter(
      ({ byHand, ofDeletedRole, role }) =>
        !byHand && !ofDeletedRole && roles.some((each) => isOf(each, role)),
    );
  return {
    rows,
    problems: [
      ...rows
        .filter(({ times, reason }) => times === 0 && reason === undefined)
        .map(
          ({ role, statement, action }) =>
            `${role} may ${action} (${statement}), and nothing used it: take it out of modules/permissions.ts, ` +
            'write a test that needs it, or say in scripts/iam/reasons.ts why it stays',
        ),
      ...unused.flatMap(({ role, statement, actions }) =>
        actions
          .filter(
            (action) =>
              !rows.some((row) => row.role === role && row.statement === statement && row.action === action),
          )
          .map(
            (action) =>
              `scripts/iam/reasons.ts excuses ${action} of ${role} (${statement}), which is not granted`,
          ),
      ),
      ...new Set(denials.map(({ message }) => `denied, though no test asked for it: ${message}`)),
    ],
  };
}
