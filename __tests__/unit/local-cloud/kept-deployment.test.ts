import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type KeptDeployment,
  digestOf,
  forgetKept,
  keep,
  readKept,
  repeatDeployment,
} from '../../../local-cloud/kept-deployment';
import { Recorder, type RecordedCall } from '../../../local-cloud/wire/recorder';
import { RecordingServer } from '../../support/recording-server';

const OLD = 'i-0123456789abcdef0';
const NEW = 'i-fedcba98765432100';
const FORM = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };

function call(body: string, rest: Partial<RecordedCall> = {}): RecordedCall {
  const text = { method: 'POST', target: '/', headers: {}, isText: true, ids: [] };
  return { ...text, body: Buffer.from(body).toString('base64'), ...rest };
}

function kept(calls: RecordedCall[], state = ''): KeptDeployment {
  return { region: 'eu-central-1', digest: 'd', endpoint: 'http://127.0.0.1:1', calls, state };
}

describe('a deployment that is repeated in a new cloud', () => {
  const server = new RecordingServer((body) => (body.includes('RunInstances') ? `<id>${NEW}</id>` : 'ok'));
  beforeAll(() => server.listen());
  afterAll(() => server.close());
  beforeEach(() => server.forget());
  const run = call('Action=RunInstances', { ids: [OLD] });

  it('uses the ids of the new cloud in later calls, in its targets, and in Terraform’s state', async () => {
    const state = await repeatDeployment(
      kept([run, call(`{"id":"${OLD}"}`, { target: `/x/${OLD}` })], `${OLD} http://127.0.0.1:1/1/q`),
      server.endpoint,
    );
    expect(server.requests[1]).toEqual({ method: 'POST', target: `/x/${NEW}`, body: `{"id":"${NEW}"}` });
    expect(state).toBe(`${NEW} ${server.endpoint}/1/q`);
  });

  it('finds the ids in percent-encoded policies: else the roles could use no instance', async () => {
    const body = new URLSearchParams({ PolicyDocument: `arn:aws:ec2:instance/${OLD}` }).toString();
    await repeatDeployment(kept([run, call(body, { headers: FORM })]), server.endpoint);
    const policy = new URLSearchParams(server.requests[1]!.body).get('PolicyDocument');
    expect(policy).toBe(`arn:aws:ec2:instance/${NEW}`);
  });

  it('leaves the bytes of objects as they are', async () => {
    await repeatDeployment(kept([run, call(OLD, { isText: false })]), server.endpoint);
    expect(server.requests[1]!.body).toBe(OLD);
  });

  it('is refused when the cloud answers with an error, or with other ids than before', async () => {
    await expect(repeatDeployment(kept([call('x', { ids: [OLD] })]), server.endpoint)).rejects.toThrow(
      'cannot be repeated: POST / was answered with 200: ok',
    );
    server.status = 409;
    await expect(repeatDeployment(kept([call('x')]), server.endpoint)).rejects.toThrow('answered with 409');
  });
});

describe('the kept deployment', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kept '));
  const place = { directory, stack: 'p' };

  it('is read as it was written, for its own stack and region only', async () => {
    await keep(place, kept([call('x')], 'state'));
    expect(await readKept(place, 'eu-central-1')).toMatchObject(kept([call('x')], 'state'));
    expect(await readKept(place, 'eu-west-1')).toBeUndefined();
    expect(await readKept({ directory, stack: 'q' }, 'eu-central-1')).toBeUndefined();
    await forgetKept(place);
    expect(await readKept(place, 'eu-central-1')).toBeUndefined();
  });

  it('is not used if the file is broken, or if many deploys have made it long', async () => {
    writeFileSync(join(directory, 'deployed.p.json'), '{"version":1');
    expect(await readKept(place, 'eu-central-1')).toBeUndefined();
    await keep(place, kept(Array<RecordedCall>(601).fill(call('x'))));
    expect(await readKept(place, 'eu-central-1')).toBeUndefined();
  });

  it('has another digest when an uploaded file changes, and the same when Terraform has run', async () => {
    const stack = mkdtempSync(join(tmpdir(), 'stack '));
    mkdirSync(join(stack, 'files', 'models'), { recursive: true });
    writeFileSync(join(stack, 'cdk.tf.json'), '{}');
    writeFileSync(join(stack, 'files', 'models', 'a.zip'), 'a');
    const before = await digestOf(stack);
    writeFileSync(join(stack, 'local.tfstate'), '{}');
    expect(await digestOf(stack)).toBe(before);
    writeFileSync(join(stack, 'files', 'models', 'a.zip'), 'b');
    expect(await digestOf(stack)).not.toBe(before);
  });
});

describe('the record of the operator’s calls', () => {
  const operator = { kind: 'operator' } as const;
  const head = {
    service: 'ec2',
    region: 'r',
    method: 'POST',
    target: '/',
    path: '/',
    query: new URLSearchParams(),
  };
  const written = { ...head, caller: operator, headers: FORM, body: Buffer.from('Action=RunInstances') };
  const answer = { status: 200, headers: {}, body: Buffer.from(`<i>${OLD}</i>`) };

  it('has the changes, with the ids of their answers', () => {
    const recorder = new Recorder();
    recorder.begin();
    recorder.note(written, answer);
    const version = '01234567-89ab-cdef-0123-456789abcdef';
    const put = { ...written, service: 's3', method: 'PUT', target: '/b/k', path: '/b/k', headers: {} };
    recorder.note(put, { status: 200, headers: { 'x-amz-version-id': version } });
    expect(recorder.finish()).toMatchObject([
      { method: 'POST', isText: true, ids: [OLD], headers: FORM },
      { method: 'PUT', target: '/b/k', isText: false, ids: [version] },
    ]);
  });

  it('has no reads, no refused calls, no calls of functions, and nothing before its begin and after its end', () => {
    const recorder = new Recorder();
    recorder.note(written, answer);
    recorder.begin();
    recorder.note({ ...written, body: Buffer.from('Action=DescribeInstances') }, answer);
    recorder.note({ ...written, service: 'lambda', method: 'GET' }, answer);
    recorder.note(written, { ...answer, status: 400 });
    const role = { kind: 'role', roleArn: 'r', sessionName: 's', assumedBy: 'service' } as const;
    recorder.note({ ...written, caller: role }, answer);
    expect(recorder.finish()).toEqual([]);
    recorder.note(written, answer);
    expect(recorder.finish()).toEqual([]);
  });
});
