/** Settings that name resources of an AWS account: keys, networks, images, roles, the bucket of the state. */
const ACCOUNT_SETTINGS = [
  'accountId',
  'deployRoleArn',
  'permissionsBoundaryArn',
  'state',
  'kmsKeyArn',
  'formerKmsKeyArns',
  'diskKmsKeyArn',
  'image',
  'vpcId',
  'subnetIds',
];

/** The pipelines' settings for the local cloud, without those that name resources of an AWS account. */
export function withoutAccountSettings(pipelines: unknown): unknown {
  if (!Array.isArray(pipelines)) return pipelines;
  return pipelines.map((entry: unknown) =>
    typeof entry === 'object' && entry !== null
      ? Object.fromEntries(Object.entries(entry).filter(([setting]) => !ACCOUNT_SETTINGS.includes(setting)))
      : entry,
  );
}
