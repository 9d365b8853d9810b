import { endingOf } from '../../../runner/ending';
import { AttemptFailure, InterruptedError, JobFailure } from '../../../runner/failures';
import { FakeS3 } from '../../support/fake-s3';

const coded = (code: string, more: object = {}) => Object.assign(new Error(code), { code, ...more });

test.each<[string, unknown, string, boolean]>([
  ['a model that failed for good', new JobFailure('model failed', 'x'), 'model', true],
  ['a model that may run again', new AttemptFailure('model failed', 'x'), 'model', false],
  ['SIGTERM', new InterruptedError('x'), 'machine', false],
  ['a full disk', coded('ENOSPC', { syscall: 'write' }), 'machine', false],
  ['a broken disk', coded('EIO', { syscall: 'read', path: '/x' }), 'machine', false],
  ['S3 is down', FakeS3.error('ServiceUnavailable', 503), 'weather', false],
  ['S3 throttles', FakeS3.error('SlowDown', 503), 'weather', false],
  ['KMS throttles with 400', FakeS3.error('KMS.ThrottlingException', 400), 'weather', false],
  ['S3 has waited too long', FakeS3.error('RequestTimeout', 400), 'weather', false],
  ['S3 refuses', FakeS3.error('AccessDenied', 403), 'storage', false],
  ['KMS refuses', FakeS3.error('KMS.DisabledException', 400), 'storage', false],
  ['a connection that ends in the middle of a body', coded('ECONNRESET'), 'weather', false],
  ['a body that ends too early', coded('ERR_STREAM_PREMATURE_CLOSE'), 'weather', false],
  ['no name server', coded('EAI_AGAIN', { syscall: 'getaddrinfo' }), 'weather', false],
  [
    'no credentials for a moment',
    Object.assign(new Error('x'), { name: 'CredentialsProviderError' }),
    'weather',
    false,
  ],
  ['an error of the drain', new TypeError('x is not a function'), 'wrapper', false],
  ['a thrown text', 'x', 'wrapper', false],
])('%s', (_what, thrown, cause, isFinal) => {
  expect(endingOf(thrown)).toMatchObject({ cause, isFinal });
});
