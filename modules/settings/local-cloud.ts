/** Settings that name what only an AWS account has: keys, networks, images, roles, a bucket for the state. */
const OF_AN_ACCOUNT = [
  'accountId',
  'deployRoleArn',
  'permissionsBoundaryArn',
  'state',
  'kmsKeyArn',
  'diskKmsKeyArn',
  'image',
  'vpcId',
  'subnetIds',
];

/** The pipelines' settings as the local cloud, which has none of an account's own things, can take them. */
export function withoutAccount(pipelines: unknown): unknown {
  if (!Array.isArray(pipelines)) return pipelines;
  return pipelines.map((entry: unknown) =>
    typeof entry === 'object' && entry !== null
      ? Object.fromEntries(Object.entries(entry).filter(([setting]) => !OF_AN_ACCOUNT.includes(setting)))
      : entry,
  );
}
