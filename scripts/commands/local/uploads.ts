import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { DeployedModel } from '../../../lifecycle/model';
import type { PipelineSettings } from '../../../modules/settings';
import { bytes } from '../../console/terminal';
import { type Job, type PlannedUpload, planUploads, prefixFor, upload } from '../../pipeline/upload-files';
import { shortPath } from '../../tools/project';
import type { FollowedPipeline } from './follow';

/** npm changes to the checkout before it runs a script, and keeps the user's folder in INIT_CWD. */
export function inUsersFolder(file: string): string {
  const fromUser = resolve(process.env.INIT_CWD ?? '', file);
  return !existsSync(file) && existsSync(fromUser) ? fromUser : file;
}

/** The models that will be deployed, with the properties that choose a file's key. */
export function modelsOf({ models }: PipelineSettings): DeployedModel[] {
  const zip = { zipKey: '-', zipVersionId: '-' };
  return models.map(({ card, digest }) => ({ name: card.name, digest, ...card.takes, ...zip }));
}

/** Gives each file the prefix under which a model accepts it. */
export function planAll(files: readonly string[], models: readonly DeployedModel[]): PlannedUpload[] {
  return planUploads(files, (fileName) => prefixFor(fileName, models) ?? '', models);
}

export async function uploadAll(
  planned: readonly PlannedUpload[],
  { clients, manifest, steps, emit, signal }: FollowedPipeline,
): Promise<Job[]> {
  const { dataBucket } = manifest;
  const jobs: Job[] = [];
  for (const one of planned) {
    const job = await upload(clients.s3, dataBucket, one, signal);
    jobs.push(job);
    emit({ event: 'uploaded', ...job });
    steps.show('upload', `${shortPath(one.file)} (${bytes(one.sizeBytes)}) → s3://${dataBucket}/${one.key}`);
  }
  return jobs;
}
