import type { SSMClient } from '@aws-sdk/client-ssm';
import { findPipeline } from '../../../../scripts/pipeline/find-pipeline';
import { MissingError, UsageError } from '../../../../scripts/console/exit';

/** A Parameter Store with these parameters, one a page. */
function store(...names: string[]): SSMClient {
  const send = ({ input }: { input: { NextToken?: string } }) => {
    const at = Number(input.NextToken ?? 0);
    const [name, ...others] = names.slice(at);
    return Promise.resolve({
      Parameters: name === undefined ? [] : [{ Name: `/lamplighter/${name}/manifest`, Value: '{}' }],
      NextToken: others.length > 0 ? String(at + 1) : undefined,
    });
  };
  return { send, config: { region: () => Promise.resolve('eu-central-1') } } as unknown as SSMClient;
}

describe('a user who has not named the pipeline learns which option names it', () => {
  it.each([
    [
      [],
      undefined,
      'aws' as const,
      MissingError,
      /in eu-central-1, in the account.*cdktf deploy\. .*--region REGION/,
    ],
    [
      [],
      undefined,
      'local' as const,
      MissingError,
      /local cloud yet. Try again when its terminal shows "applied"/,
    ],
    [
      ['one', 'two'],
      undefined,
      'aws' as const,
      UsageError,
      /Several pipelines are deployed here: one, two. Choose one: --pipeline NAME/,
    ],
    [['one', 'two'], 'three', 'aws' as const, UsageError, /no pipeline "three" here\. Deployed: one, two/],
    [['one'], undefined, 'aws' as const, Error, /"one" was deployed by another version of Lamplighter/],
  ])('%j, %p on %s', async (names, name, cloud, kind, sentence) => {
    const found = findPipeline(store(...names), name, cloud);
    await expect(found).rejects.toThrow(kind);
    await expect(found).rejects.toThrow(sentence);
  });
});
