import { App } from 'cdktf';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { hashed } from '../../modules/bundle';
import { Pipeline } from '../../modules/pipeline';
import type { PipelineSettings } from '../../modules/settings';

/** One action of one statement of one role's policies. */
export interface Granted {
  /** The construct's id, such as `trigger`. The role's name ends in it. */
  readonly role: string;
  readonly statement: string;
  readonly effect: string;
  readonly action: string;
  readonly resources: readonly string[];
}

const stackSchema = z.looseObject({
  resource: z.looseObject({
    aws_iam_role_policy: z.record(z.string(), z.looseObject({ role: z.string(), policy: z.string() })),
  }),
});

const policySchema = z.object({
  Statement: z.array(
    z.looseObject({
      Sid: z.string(),
      Effect: z.string(),
      Action: z.array(z.string()),
      Resource: z.array(z.string()),
    }),
  ),
});

/** The permissions of a pipeline's roles, read from the JSON that Terraform would apply. */
export function grantedBy(settings: PipelineSettings): Granted[] {
  const outdir = mkdtempSync(join(tmpdir(), 'lamplighter-iam-'));
  try {
    const app = new App({ outdir });
    // Permissions do not depend on the code, and bundling it takes seconds.
    const empty = hashed(new Uint8Array());
    const handlers = { trigger: empty, worker: empty, stop: empty };
    const stack = new Pipeline(app, { settings, bundles: { handlers, runner: empty } });
    app.synth();
    const { synthesizedStackPath } = app.manifest.forStack(stack);
    const { resource } = stackSchema.parse(
      JSON.parse(readFileSync(join(outdir, synthesizedStackPath), 'utf8')),
    );
    return Object.values(resource.aws_iam_role_policy).flatMap(({ role, policy }) =>
      policySchema.parse(JSON.parse(policy)).Statement.flatMap(({ Sid, Effect, Action, Resource }) =>
        Action.map((action) => ({
          // ${aws_iam_role.trigger.name}
          role: role.split('.')[1] ?? role,
          statement: Sid,
          effect: Effect,
          action,
          resources: Resource,
        })),
      ),
    );
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}
