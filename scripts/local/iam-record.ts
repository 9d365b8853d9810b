import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Grant } from './iam-simulation';

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

/** Counts what IAM has decided in one local cloud. */
export class Decisions {
  private readonly uses = new Map<string, number>();
  private readonly denials: Denial[] = [];
  private readonly operatorCalls = new Map<string, number>();
  private readonly decisionMs: number[] = [];

  used(role: string, action: string, { policy, statement }: Grant): void {
    add(this.uses, JSON.stringify([role, policy, statement, action]));
  }

  denied(denial: Denial): void {
    this.denials.push(denial);
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
      denials: this.denials,
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
