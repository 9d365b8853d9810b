import { matchesPattern } from '../../../local-cloud/eventbridge/event-pattern';

const EVENT = {
  source: 'aws.ec2',
  'detail-type': 'EC2 Instance State-change Notification',
  resources: ['arn:one', 'arn:two'],
  detail: { 'instance-id': 'i-1', state: 'stopped' },
};

describe('an event pattern decides which rules receive an event', () => {
  test.each([
    [
      'every named field matches',
      { source: ['aws.ec2'], detail: { state: ['stopped', 'terminated'] } },
      true,
    ],
    ['a nested field differs', { detail: { 'instance-id': ['i-2'] } }, false],
    ['a field is missing', { detail: { nothing: ['x'] } }, false],
    ['one value of an array matches', { resources: ['arn:two'] }, true],
    ['a prefix matches', { source: [{ prefix: 'aws.' }] }, true],
    ['a suffix does not match', { source: [{ suffix: '.ssm' }] }, false],
    ['anything but another value', { detail: { state: [{ 'anything-but': ['running'] }] } }, true],
    ['anything but this value', { detail: { state: [{ 'anything-but': 'stopped' }] } }, false],
    ['a field must not exist', { detail: { nothing: [{ exists: false }] } }, true],
  ])('%s', (_, pattern, expected) => {
    expect(matchesPattern(pattern, EVENT)).toBe(expected);
  });

  test('an unknown operator is an error that names it, not a silent mismatch', () => {
    expect(() => matchesPattern({ source: [{ wildcard: 'aws.*' }] }, EVENT)).toThrow(/wildcard/);
  });
});
