import fc from 'fast-check';
import type { CallHead } from '../../../local-cloud/wire/call';
import {
  parseNotifications,
  renderNotifications,
  matches,
} from '../../../local-cloud/s3/notification-configuration';
import { newlinesBack, newlinesOut } from '../../../local-cloud/moto/newline-keys';
import { formEncoded } from '../../../local-cloud/s3/notifications';
import { s3OperationOf } from '../../../local-cloud/wire/s3-operation';

const head = (method: string, target: string, headers: CallHead['headers'] = {}): CallHead => {
  const [path = '', query = ''] = target.split('?');
  return {
    service: 's3',
    region: 'eu-central-1',
    caller: { kind: 'operator' },
    method,
    target,
    path,
    query: new URLSearchParams(query),
    headers,
  };
};

describe('an S3 request that creates an object is recognized', () => {
  test.each([
    ['PUT', '/bucket/a%20b', {}, 'PutObject'],
    ['PUT', '/bucket/key?x-id=PutObject', {}, 'PutObject'],
    ['PUT', '/bucket/key', { 'x-amz-copy-source': 'bucket/other' }, 'CopyObject'],
    ['PUT', '/bucket/key?partNumber=1&uploadId=u', {}, 'other'],
    ['PUT', '/bucket/key?tagging', {}, 'other'],
    ['POST', '/bucket/key?uploads', {}, 'other'],
    ['POST', '/bucket/key?uploadId=u', {}, 'CompleteMultipartUpload'],
    ['POST', '/bucket', { 'content-type': 'multipart/form-data; boundary=b' }, 'PostObject'],
    ['POST', '/bucket?delete', {}, 'other'],
    ['PUT', '/bucket', {}, 'other'],
    ['PUT', '/bucket?notification', {}, 'PutBucketNotificationConfiguration'],
    ['DELETE', '/bucket/key', {}, 'other'],
    ['DELETE', '/bucket', {}, 'DeleteBucket'],
    ['DELETE', '/bucket?policy', {}, 'BucketPolicy'],
    ['DELETE', '/bucket?tagging', {}, 'other'],
  ])('%s %s', (method, target, headers, name) => {
    expect(s3OperationOf(head(method, target, headers)).name).toBe(name);
  });

  test('the key keeps its dots and slashes', () => {
    expect(s3OperationOf(head('PUT', '/bucket//a/../b%2Bc%0A'))).toMatchObject({
      bucket: 'bucket',
      key: '/a/../b+c\n',
    });
  });
});

test('every key survives an event’s form encoding', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 60 });
  fc.assert(
    fc.property(text, (key) => {
      expect(decodeURIComponent(formEncoded(key).replaceAll('+', ' '))).toBe(key);
    }),
  );
  expect(formEncoded('dir/red flower+ü.csv')).toBe('dir/red+flower%2B%C3%BC.csv');
});

test('a newline in a key survives moto', () => {
  expect(newlinesOut('/bucket/a%0ab')).toBe('/bucket/a%EE%80%8Ab');
  expect(newlinesBack('<Key>a\uE00Ab</Key><Key>a%EE%80%8Ab</Key>')).toBe(
    '<Key>a&#10;b</Key><Key>a%0Ab</Key>',
  );
});

describe('a bucket’s notifications', () => {
  const XML = `<NotificationConfiguration><CloudFunctionConfiguration><Id>one</Id>
    <CloudFunction>arn:aws:lambda:eu-central-1:1:function:stop</CloudFunction><Event>s3:ObjectCreated:*</Event>
    <Filter><S3Key><FilterRule><Name>prefix</Name><Value>results/</Value></FilterRule>
    <FilterRule><Name>Suffix</Name><Value>/receipt.json</Value></FilterRule></S3Key></Filter>
    </CloudFunctionConfiguration></NotificationConfiguration>`;

  test('are the same after writing and reading', () => {
    const notifications = parseNotifications(XML);
    expect(parseNotifications(renderNotifications(notifications))).toEqual(notifications);
  });

  test('match only the keys of their filter', () => {
    const [notification] = parseNotifications(XML);
    const wanted = (key: string) => matches(notification!, 'ObjectCreated:Put', key);
    expect(wanted('results/x/receipt.json')).toBe(true);
    expect(wanted('results/x/other.json')).toBe(false);
    expect(wanted('x/receipt.json')).toBe(false);
  });

  test('that the local cloud cannot deliver are refused, not ignored', () => {
    const queue = '<NotificationConfiguration><QueueConfiguration/></NotificationConfiguration>';
    expect(() => parseNotifications(queue)).toThrow(/QueueConfiguration/);
    expect(() => parseNotifications(XML.replace('ObjectCreated', 'ObjectRemoved'))).toThrow(/ObjectRemoved/);
    expect(() => parseNotifications('<Other/>')).toThrow();
  });

  test('may be none', () => {
    expect(parseNotifications('<NotificationConfiguration/>')).toEqual([]);
  });
});
