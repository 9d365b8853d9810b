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

/** The linger of the local cloud in seconds, unless the settings have one. Its other waits are shorter than AWS's too. */
const LINGER_SECONDS = 2;

/** The pipelines' settings for the local cloud: without those that name resources of an AWS account, and with a short linger. */
export function localSettings(pipelines: unknown): unknown {
  if (!Array.isArray(pipelines)) return pipelines;
  return pipelines.map((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return entry;
    const kept = Object.entries(entry).filter(([setting]) => !ACCOUNT_SETTINGS.includes(setting));
    return { lingerSeconds: LINGER_SECONDS, ...Object.fromEntries(kept) };
  });
}
