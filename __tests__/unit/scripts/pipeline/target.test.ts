import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chooseTarget } from '../../../../scripts/pipeline/target';
import { listen, temporaryFolder } from '../stand-ins';

describe('the cloud that a command uses', () => {
  const folder = temporaryFolder();
  let server: Awaited<ReturnType<typeof listen>> | undefined;
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });
  afterAll(() => folder.remove());

  const running = (endpoint: string, pid = process.pid) =>
    writeFileSync(
      join(folder.path, 'cloud.json'),
      JSON.stringify({
        pid,
        endpoint,
        region: 'eu-west-3',
        credentials: { accessKeyId: 'local', secretAccessKey: 'secret' },
        startedAt: '2026-01-01T00:00:00.000Z',
      }),
    );
  const choose = (more: object = {}) => chooseTarget({ directory: folder.path, environment: {}, ...more });

  it('is the local one while it runs, and says so; AWS if requested', async () => {
    server = await listen((_, response) => response.end(JSON.stringify({ pid: process.pid })));
    running(server.url);
    const target = await choose();
    expect(target).toMatchObject({ cloud: 'local' });
    expect(target.text).toContain(server.url);
    await expect(target.clients.s3.config.region()).resolves.toBe('eu-west-3');
    await expect(target.clients.s3.config.credentials()).resolves.toMatchObject({ accessKeyId: 'local' });
    await expect(choose({ cloud: 'aws', region: 'eu-north-1' })).resolves.toMatchObject({
      cloud: 'aws',
      text: 'AWS, region eu-north-1',
    });
  });

  it.each([
    ['its process is gone', () => running('http://127.0.0.1:9', 2_147_483_646)],
    ['nothing listens there any more', () => running('http://127.0.0.1:9')],
    ['its file is half written', () => writeFileSync(join(folder.path, 'cloud.json'), '{"pid":')],
  ])('is AWS when %s', async (_, prepare) => {
    prepare();
    await expect(choose({ region: 'eu-north-1' })).resolves.toMatchObject({ cloud: 'aws' });
    await expect(choose({ cloud: 'local' })).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('npm start') as string,
    });
  });

  it('is AWS in the pipelines’ region of the settings, when no other region is set', async () => {
    await expect(choose({ cloud: 'aws' })).resolves.toMatchObject({ text: 'AWS, region eu-central-1' });
  });

  it('has the region of the option, else of the environment; an endpoint of the environment is printed', async () => {
    const environment = { AWS_DEFAULT_REGION: 'us-west-2', AWS_ENDPOINT_URL: 'http://127.0.0.1:5' };
    const target = await choose({ cloud: 'aws', environment });
    expect(target.text).toBe('AWS, region us-west-2, endpoint http://127.0.0.1:5 from AWS_ENDPOINT_URL');
    await expect(target.clients.ssm.config.region()).resolves.toBe('us-west-2');
    await expect(choose({ cloud: 'aws', environment, region: 'eu-north-1' })).resolves.toMatchObject({
      text: expect.stringContaining('eu-north-1') as string,
    });
  });
});
