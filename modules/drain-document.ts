import { SsmDocument } from '@cdktf/provider-aws/lib/ssm-document';
import type { Construct } from 'constructs';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { literal } from './terraform-text';

/** The values that the instance's scripts receive. A value may be a Terraform reference. */
export interface DrainScripts {
  /** The content of config.json, which the runner reads. */
  readonly config: Readonly<Record<string, string | number>>;
  readonly region: string;
  readonly controlBucket: string;
  readonly runnerKey: string;
  readonly runnerVersionId: string;
  readonly runnerSha256: string;
}

/** The folder of the scripts, which are part of the package. */
const SCRIPTS_FOLDER = join(__dirname, 'drain-document');

/** Time limit of the step that brings the machine up. A fresh machine installs packages in it. */
const BRING_UP_TIME_LIMIT_SECONDS = 900;

/**
 * Time limit of the step that drains: two days, the longest that SSM allows. Each model run has its own limit. Jobs that are
 * still open after two days are run by the next command.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-command-ssm-plugin-reference.html
 */
const DRAIN_TIME_LIMIT_SECONDS = 172_800;

/** The command that worker sends: bring the machine up, then drain. Without parameters there is nothing to inject into. */
export function makeDrainDocument(scope: Construct, pipeline: string, scripts: DrainScripts): SsmDocument {
  return new SsmDocument(scope, 'document', {
    name: `${pipeline}-drain`,
    documentType: 'Command',
    documentFormat: 'JSON',
    targetType: '/AWS::EC2::Instance',
    content: JSON.stringify(drainDocument(scripts)),
  });
}

/** The document's content, in schema 2.2. Terraform resolves the references in it. */
export function drainDocument(scripts: DrainScripts) {
  const { runnerSha256: runner_sha256 } = scripts;
  const bringUp = {
    config: JSON.stringify(scripts.config),
    region: scripts.region,
    control_bucket: scripts.controlBucket,
    runner_key: scripts.runnerKey,
    runner_version: scripts.runnerVersionId,
    runner_sha256,
  };
  return {
    schemaVersion: '2.2',
    description: 'Brings a Lamplighter instance up and runs its open jobs',
    mainSteps: [
      step('bringUp', 'bring-up.sh', BRING_UP_TIME_LIMIT_SECONDS, bringUp),
      step('drain', 'drain.sh', DRAIN_TIME_LIMIT_SECONDS, { runner_sha256 }),
    ],
  };
}

function step(name: string, file: string, timeLimitSeconds: number, variables: Record<string, string>) {
  return {
    name,
    action: 'aws:runShellScript',
    // Without onFailure the agent would run the next step after a failure.
    inputs: {
      onFailure: 'exit',
      timeoutSeconds: String(timeLimitSeconds),
      runCommand: script(file, variables).split('\n'),
    },
  };
}

/** A script, after lines that set its variables. The values are in single quotes; none of them contains a single quote. */
function script(file: string, variables: Record<string, string>): string {
  const body = readFileSync(join(SCRIPTS_FOLDER, file), 'utf8');
  return [
    '#!/bin/bash',
    'set -euo pipefail',
    literal('root="${LAMPLIGHTER_ROOT:-/opt/lamplighter}"'),
    ...Object.entries(variables).map(([name, value]) => `${name}='${value}'`),
    '',
    literal(body.trimEnd()),
  ].join('\n');
}
