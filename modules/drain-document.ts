import { SsmDocument } from '@cdktf/provider-aws/lib/ssm-document';
import { Construct } from 'constructs';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { literal } from './terraform-text';

/** What the instance's scripts are told. Values known to Terraform only may be its references. */
export interface DrainScripts {
  /** Written to config.json, for the runner. */
  readonly config: Readonly<Record<string, string | number>>;
  readonly region: string;
  readonly controlBucket: string;
  readonly runnerKey: string;
  readonly runnerVersionId: string;
  readonly runnerSha256: string;
}

export interface DrainDocumentProps extends DrainScripts {
  readonly pipeline: string;
}

/** The scripts that come with the package. */
const SCRIPTS_FOLDER = join(__dirname, 'drain-document');

/** A fresh machine has packages to install. */
const BRING_UP_TIME_LIMIT_SECONDS = 900;

/**
 * The longest that SSM allows, two days; each model has its own limit, and what is left is drained by the next command.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-command-ssm-plugin-reference.html
 */
const DRAIN_TIME_LIMIT_SECONDS = 172_800;

/** The command that worker sends: bring the machine up, then drain. It takes no parameters, so nothing can be slipped in. */
export class DrainDocument extends Construct {
  readonly documentName: string;
  readonly arn: string;

  constructor(scope: Construct, id: string, props: DrainDocumentProps) {
    super(scope, id);
    const document = new SsmDocument(this, 'document', {
      name: `${props.pipeline}-drain`,
      documentType: 'Command',
      documentFormat: 'JSON',
      targetType: '/AWS::EC2::Instance',
      content: JSON.stringify(drainDocument(props)),
    });
    this.documentName = document.name;
    this.arn = document.arn;
  }
}

/** The document's content, schema 2.2. Terraform still has to put in what only it knows. */
export function drainDocument(scripts: DrainScripts) {
  return {
    schemaVersion: '2.2',
    description: 'Brings a Lamplighter instance up and runs its open jobs',
    mainSteps: [
      step('bringUp', 'bring-up.sh', BRING_UP_TIME_LIMIT_SECONDS, scripts),
      step('drain', 'drain.sh', DRAIN_TIME_LIMIT_SECONDS, scripts),
    ],
  };
}

function step(name: string, file: string, timeLimitSeconds: number, scripts: DrainScripts) {
  return {
    name,
    action: 'aws:runShellScript',
    // Without onFailure the agent would go on with the next step.
    inputs: {
      onFailure: 'exit',
      timeoutSeconds: String(timeLimitSeconds),
      runCommand: script(file, scripts).split('\n'),
    },
  };
}

/** In single quotes nothing is special to a shell, and no setting, bucket name or version id holds one. */
function script(file: string, scripts: DrainScripts): string {
  const body = readFileSync(join(SCRIPTS_FOLDER, file), 'utf8');
  return [
    '#!/bin/bash',
    'set -euo pipefail',
    literal('root="${LAMPLIGHTER_ROOT:-/opt/lamplighter}"'),
    ...Object.entries(given[file]?.(scripts) ?? {}).map(([name, value]) => `${name}='${value}'`),
    '',
    literal(body.trimEnd()),
  ].join('\n');
}

/** Each script gets what it uses. */
const given: Readonly<Record<string, (scripts: DrainScripts) => Record<string, string>>> = {
  'bring-up.sh': (scripts) => ({
    config: JSON.stringify(scripts.config),
    region: scripts.region,
    control_bucket: scripts.controlBucket,
    runner_key: scripts.runnerKey,
    runner_version: scripts.runnerVersionId,
    runner_sha256: scripts.runnerSha256,
  }),
  'drain.sh': (scripts) => ({ runner_sha256: scripts.runnerSha256 }),
};
