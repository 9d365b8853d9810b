import { GetParametersByPathCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { InvalidInputError } from '../../lifecycle/errors';
import {
  MANIFEST_PATH,
  type Manifest,
  manifestParameterName,
  manifestSchema,
} from '../../lifecycle/manifest';
import { parseRecord } from '../../lifecycle/records';
import { MissingError, UsageError } from '../console/exit';
import type { CloudChoice } from './target';

/**
 * Finds the pipeline of that name. Without a name, there must be exactly one pipeline.
 *
 * Throws MissingError when there is no pipeline, UsageError when the name is missing or wrong, and InvalidInputError when
 * another version of Lamplighter wrote the manifest.
 */
export async function findPipeline(
  ssm: SSMClient,
  name: string | undefined,
  cloud: CloudChoice = 'aws',
): Promise<Manifest> {
  const manifests = await listManifests(ssm);
  const names = [...manifests.keys()].sort();
  if (names.length === 0) {
    throw new MissingError(
      cloud === 'local'
        ? 'No pipeline is deployed to the local cloud yet. Try again when its terminal shows "applied".'
        : `No pipeline is deployed in ${await ssm.config.region()}, in the account that you are signed in to. Deploy one: npx cdktf deploy. If it is elsewhere, set --region REGION or AWS_PROFILE.`,
    );
  }
  if (name === undefined && names.length > 1) {
    throw new UsageError(
      `Several pipelines are deployed here: ${names.join(', ')}. Choose one: --pipeline NAME`,
    );
  }
  const chosen = name ?? names[0] ?? '';
  const text = manifests.get(chosen);
  if (text === undefined) {
    throw new UsageError(`There is no pipeline "${chosen}" here. Deployed: ${names.join(', ')}.`);
  }
  return parseManifest(chosen, text);
}

function parseManifest(name: string, text: string): Manifest {
  try {
    return parseRecord(manifestSchema, manifestParameterName(name), text);
  } catch (cause) {
    throw new InvalidInputError(
      `The pipeline "${name}" was deployed by another version of Lamplighter: its manifest ${manifestParameterName(name)} ` +
        'cannot be read. Deploy it again, or use the version that deployed it.',
      { cause },
    );
  }
}

/** Unparsed manifests, by the names of their pipelines. */
async function listManifests(ssm: SSMClient): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  let token: string | undefined;
  do {
    const page = await ssm.send(
      new GetParametersByPathCommand({ Path: MANIFEST_PATH, Recursive: true, NextToken: token }),
    );
    for (const { Name, Value } of page.Parameters ?? []) {
      const name = /^\/lamplighter\/([^/]+)\/manifest$/.exec(Name ?? '')?.[1];
      if (name !== undefined && Value !== undefined) found.set(name, Value);
    }
    token = page.NextToken;
  } while (token !== undefined && token !== '');
  return found;
}
