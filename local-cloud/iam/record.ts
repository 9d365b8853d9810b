import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Grant } from './simulation';

/** The environment variable for a folder. Each local cloud writes a record of the permissions that roles used into it. */
export const RECORDS_VARIABLE = 'LAMPLIGHTER_IAM_RECORDS';

/** The number of times that a statement of a role's policy has allowed an action. */
interface Use extends Grant {
  readonly role: string;
  readonly action: string;
  readonly times: number;
}

export interface Denial {
  readonly role: string;
  readonly action: string;
  readonly resource: string;
  readonly message: string;
  /** Whether a test had assumed the role itself, to be denied. Such a test checks the answer. */
  readonly byHand: boolean;
  /** Whether the role was being deleted: it had lost a policy, got none afterwards, and no longer exists. */
  readonly ofDeletedRole: boolean;
}

/** The record of one local cloud. */
export interface IamRecord {
  readonly uses: readonly Use[];
  readonly denials: readonly Denial[];
  /** The number of the operator's calls, by action. The operator may do everything. */
  readonly operatorCalls: Readonly<Record<string, number>>;
  /** The duration of each decision, with the reading of policies and tags. */
  readonly decisionMs: readonly number[];
}

/** The time after a role lost a policy. Denials in it do not count if the role was deleted later. */
interface Loss {
  wasDeleted: boolean;
}

/** Counts IAM's decisions in one local cloud. */
export class Decisions {
  private readonly uses = new Map<string, number>();
  private readonly denials: {
    readonly denial: Omit<Denial, 'ofDeletedRole'>;
    readonly loss: Loss | undefined;
  }[] = [];
  /** By role: the roles that have lost a policy and got none since. */
  private readonly losses = new Map<string, Loss>();
  private readonly operatorCalls = new Map<string, number>();
  private readonly decisionMs: number[] = [];

  used(role: string, action: string, { policy, statement }: Grant): void {
    add(this.uses, JSON.stringify([role, policy, statement, action]));
  }

  denied(denial: Omit<Denial, 'ofDeletedRole'>): void {
    this.denials.push({ denial, loss: this.losses.get(denial.role) });
  }

  /**
   * Called before and after a change to a role. While Terraform destroys a pipeline, a function may still run, and its calls
   * are denied. The denials of a role that loses a policy and stays are faults.
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

  /** Writes the record if the environment variable names a folder. */
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
