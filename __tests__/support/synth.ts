import { AnnotationMetadataEntryType, App, Testing, type TerraformStack } from 'cdktf';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { InvalidInputError } from '../../lifecycle/errors';
import { hashed, type Bundles } from '../../modules/bundle';
import { Pipeline } from '../../modules/pipeline';
import { readPipelines, type PipelineSettings } from '../../modules/settings';

export const PROJECT = join(__dirname, '..', '..');

/** The arguments of one resource or data source in Terraform's JSON. */
export type Block = Record<string, unknown>;

/** A synthesized stack. JSON inside strings, for example of policies, is not parsed. */
export interface Synthesized {
  readonly text: string;
  readonly resource: Record<string, Record<string, Block>>;
  readonly data: Record<string, Record<string, Block>>;
  readonly terraform: Block;
  readonly provider: Record<string, Block[]>;
  readonly output: Record<string, Block>;
  /** The folder of the stack's JSON. */
  readonly folder: string;
}

/**
 * Synthesizes a stack as `cdktf synth` does: prepares cross-stack references, validates, and throws annotations of errors.
 * Testing.synth alone does none of these.
 */
export function synthesize(stack: TerraformStack): Synthesized {
  const app = App.of(stack);
  stack.prepareStack();
  const text = Testing.synth(stack, true);
  const errors = stack.node
    .findAll()
    .flatMap(({ node }) => node.metadata)
    .filter(({ type }) => type === (AnnotationMetadataEntryType.ERROR as string));
  if (errors.length > 0) throw new Error(errors.map(({ data }) => String(data)).join('\n'));
  return {
    ...(JSON.parse(text) as Omit<Synthesized, 'text' | 'folder'>),
    text,
    folder: join(app.outdir, app.manifest.forStack(stack).workingDirectory),
  };
}

/** A pipeline's stack. Stand-ins replace the bundles, which take a second to build. */
export function synthesizePipeline(settings: PipelineSettings): Synthesized {
  return synthesize(new Pipeline(Testing.app(), { settings, bundles: standIns }));
}

/** Settings with `overrides`, read from a project folder that contains one small model. */
export function settingsWith(overrides: Record<string, unknown> = {}): PipelineSettings {
  const project = temporaryFolder();
  writeModel(join(project, 'model'), { name: 'echo' });
  const [settings] = readPipelines([{ name: 'test', models: ['model'], ...overrides }], project);
  return settings!;
}

/** The pipelines of the project's own cdktf.json. */
export function projectPipelines(): PipelineSettings[] {
  const project = JSON.parse(readFileSync(join(PROJECT, 'cdktf.json'), 'utf8')) as {
    context: { pipelines: unknown };
  };
  return readPipelines(project.context.pipelines, PROJECT);
}

export function writeModel(folder: string, card: unknown): void {
  writeFiles(folder, { 'model.json': JSON.stringify(card), run: '#!/bin/sh\ncp "$1"/* "$2"\n' });
  chmodSync(join(folder, 'run'), 0o755);
}

export function writeFiles(folder: string, files: Record<string, string>): void {
  for (const [name, content] of Object.entries(files)) {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}

/** The problems of one pipeline's settings, without the prefix `pipelines[0].`. */
export function problemsWith(overrides: Record<string, unknown>): string[] {
  try {
    settingsWith(overrides);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    const [, ...problems] = error.message.split('\n- ');
    return problems.map((text) => text.replace('pipelines[0].', ''));
  }
  return [];
}

export function temporaryFolder(name = 'lamplighter-'): string {
  return mkdtempSync(join(tmpdir(), name));
}

const standIn = (name: string) => hashed(new TextEncoder().encode(`stand-in for ${name}`));

export const standIns: Bundles = {
  handlers: { trigger: standIn('trigger'), worker: standIn('worker'), stop: standIn('stop') },
  runner: standIn('runner'),
};
