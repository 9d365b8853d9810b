/** Granted actions that no end-to-end test uses, with the reason why they are granted all the same. */
export interface Unused {
  readonly role: string;
  readonly statement: string;
  readonly actions: readonly string[];
  readonly reason: string;
}

/** How an SSM agent gets its commands if it cannot use `ssmmessages`. */
const OLD_CHANNEL_ACTIONS: readonly string[] = [
  'ec2messages:AcknowledgeMessage',
  'ec2messages:DeleteMessage',
  'ec2messages:FailMessage',
  'ec2messages:GetEndpoint',
  'ec2messages:GetMessages',
  'ec2messages:SendReply',
];

export const unused: readonly Unused[] = [
  {
    role: 'instance',
    statement: 'SystemsManagerChannels',
    actions: ['ssmmessages:CreateDataChannel', 'ssmmessages:OpenDataChannel'],
    reason: 'a shell by Session Manager, the only way in; the local cloud has none',
  },
  {
    role: 'instance',
    statement: 'SystemsManagerChannels',
    actions: OLD_CHANNEL_ACTIONS,
    reason: 'how an agent gets its commands where it cannot use ssmmessages; the local cloud’s agent can',
  },
  {
    role: 'instance',
    statement: 'WriteResults',
    actions: ['s3:AbortMultipartUpload'],
    reason: 'removes the parts of a large result whose upload broke off; no test breaks one off',
  },
  {
    role: 'instance',
    statement: 'SendDrainOutput',
    actions: ['logs:DescribeLogStreams'],
    reason: 'the SSM agent looks for its stream before it writes; the local cloud’s agent makes it at once',
  },
  {
    role: 'instance',
    statement: 'NeverReplaceReceipts',
    actions: ['s3:PutObject'],
    reason: 'denies; the forgery tests run into it, the instance itself never does',
  },
];

/** Actions that are granted on `*`, with the reason. A test checks that AWS supports no resource for each of them. */
export const unbounded: Readonly<Record<string, string>> = {
  'ec2:DescribeInstances': 'EC2 does not restrict what can be described',
  'ssm:DescribeInstanceInformation':
    'a list of the account’s agents; Systems Manager knows no resource for it',
  'ssm:ListCommands': 'a list of the account’s commands; Systems Manager knows no resource for it',
  ...Object.fromEntries(
    [
      'ssmmessages:CreateControlChannel',
      'ssmmessages:CreateDataChannel',
      'ssmmessages:OpenControlChannel',
      'ssmmessages:OpenDataChannel',
      ...OLD_CHANNEL_ACTIONS,
    ].map((action) => [
      action,
      'the agent’s channel to Systems Manager belongs to the credentials that open it',
    ]),
  ),
};
