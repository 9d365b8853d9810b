import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Grant } from './simulation';

/** Set it to a folder, and every local cloud that ends leaves a record there of who used which permission. */
export const RECORDS_VARIABLE = 'LAMPLIGHTER_IAM_RECORDS';

/** How often a statement of a role's policy has allowed an action. */
export interface Use extends Grant {
  readonly role: string;
  readonly action: string;
  readonly times: number;
}

export interface Denial {
  readonly role: string;
  readonly action: string;
  readonly resource: string;
  readonly message: string;
  /** Whether a test had taken the role on by itself, to be denied: then the test has looked at the answer. */
  readonly byHand: boolean;
  /** Whether the role was being deleted: it had lost a policy, got none after that, and is gone. It needed nothing any more. */
  readonly ofDeletedRole: boolean;
}

/** What one local cloud leaves behind. */
export interface IamRecord {
  readonly uses: readonly Use[];
  readonly denials: readonly Denial[];
  /** Calls of the operator, who may do everything. */
  readonly operatorCalls: Readonly<Record<string, number>>;
  /** How long each decision took, what it had to look up included. */
  readonly decisionMs: readonly number[];
}

/** A role's time without a policy that it had; what it is denied then is excused if the role was deleted. */
interface Loss {
  wasDeleted: boolean;
}

/** Counts what IAM has decided in one local cloud. */
export class Decisions {
  private readonly uses = new Map<string, number>();
  private readonly denials: { readonly denial: Omit<Denial, 'ofDeletedRole'>; readonly loss?: Loss }[] = [];
  /** Of the roles that have lost a policy and got none since. */
  private readonly losses = new Map<string, Loss>();
  private readonly operatorCalls = new Map<string, number>();
  private readonly decisionMs: number[] = [];

  used(role: string, action: string, { policy, statement }: Grant): void {
    add(this.uses, JSON.stringify([role, policy, statement, action]));
  }

  denied(denial: Omit<Denial, 'ofDeletedRole'>): void {
    const loss = this.losses.get(denial.role);
    this.denials.push({ denial, ...(loss && { loss }) });
  }

  /**
   * Somebody changes a role. A function may still be at work while it is destroyed, and what it asks for then is denied; a role
   * that stays, though it has lost a policy, is denied what it needs.
   */
  roleChanges(operation: string, role: string): void {
    switch (operation) {
      case 'DeleteRolePolicy':
      case 'DetachRolePolicy':
        this.lossOf(role);
        break;
      case 'DeleteRole':
        this.lossOf(role).wasDeleted = true;
        break;
      case 'CreateRole':
      case 'PutRolePolicy':
      case 'AttachRolePolicy':
        this.losses.delete(role);
    }
  }

  private lossOf(role: string): Loss {
    const loss = this.losses.get(role) ?? { wasDeleted: false };
    this.losses.set(role, loss);
    return loss;
  }

  operator(action: string): void {
    add(this.operatorCalls, action);
  }

  took(milliseconds: number): void {
    this.decisionMs.push(Math.round(milliseconds * 10) / 10);
  }

  /** Writes the record, if somebody wants it. */
  write(folder = process.env[RECORDS_VARIABLE]): void {
    if (folder === undefined || folder === '') return;
    const record: IamRecord = {
      uses: [...this.uses].map(([key, times]) => {
        const [role = '', policy = '', statement = '', action = ''] = JSON.parse(key) as string[];
        return { role, policy, statement, action, times };
      }),
      denials: this.denials.map(({ denial, loss }) => ({
        ...denial,
        ofDeletedRole: loss?.wasDeleted === true,
      })),
      operatorCalls: Object.fromEntries(this.operatorCalls),
      decisionMs: this.decisionMs,
    };
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${randomUUID()}.json`), JSON.stringify(record));
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
