import { randomBytes } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { Server, Socket } from 'node:net';
import type { BootOrder, SpotNotice } from './port';

/** Lifetime of the role's credentials, as the service says it. The local cloud's do not end. */
const CREDENTIALS_MS = 6 * 3_600_000;

/** Maximum seconds of a token. */
const MAX_TOKEN_SECONDS = 21_600;

/**
 * EC2's instance metadata service, version 2 only: a token, then a GET. One boot has one service.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
 */
export class MetadataService {
  /** When each token expires, in milliseconds since the epoch. */
  private readonly tokens = new Map<string, number>();
  private readonly connections = new Set<Socket>();
  private readonly bootedAt = Date.now();
  private notice: SpotNotice | undefined;

  constructor(private readonly order: BootOrder) {}

  /** Answers on these sockets. */
  serve(sockets: readonly Server[]): void {
    const http = createServer((request, response) => void this.handle(request, response));
    for (const socket of sockets) {
      socket.on('connection', (connection: Socket) => {
        this.connections.add(connection);
        connection.once('close', () => this.connections.delete(connection));
        http.emit('connection', connection);
      });
    }
  }

  close(): void {
    for (const connection of this.connections) connection.destroy();
  }

  showNotice(notice: SpotNotice): void {
    this.notice = notice;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    try {
      const [status, text] = await this.answer(request);
      response.writeHead(status, { 'content-type': 'text/plain', server: 'EC2ws' }).end(text);
    } catch {
      response.writeHead(500).end();
    }
  }

  private async answer(request: IncomingMessage): Promise<[status: number, text: string]> {
    const path = (request.url ?? '').replace(/^\/(latest|2\d{3}-\d\d-\d\d)\//, '');
    if (path === 'api/token') return this.newToken(request);
    if (request.method !== 'GET') return [405, ''];
    const token = String(request.headers['x-aws-ec2-metadata-token'] ?? '');
    if (Date.now() > (this.tokens.get(token) ?? 0)) return [401, ''];
    const text = await this.read(decodeURIComponent(path));
    return text === undefined ? [404, ''] : [200, text];
  }

  /** A proxy must not get a token for another program: EC2 refuses the header that proxies add. */
  private newToken({ method, headers }: IncomingMessage): [status: number, text: string] {
    if (method !== 'PUT') return [405, ''];
    if (headers['x-forwarded-for'] !== undefined) return [403, ''];
    const seconds = Number(headers['x-aws-ec2-metadata-token-ttl-seconds']);
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_TOKEN_SECONDS) return [400, ''];
    const token = randomBytes(40).toString('base64url');
    this.tokens.set(token, Date.now() + seconds * 1000);
    return [200, token];
  }

  private async read(path: string): Promise<string | undefined> {
    const { instanceId, region, roleArn, tags } = this.order;
    const role = roleArn.split('/').at(-1) ?? '';
    const tag = /^meta-data\/tags\/instance\/(.+)$/.exec(path)?.[1];
    if (tag !== undefined) return (await tags())[tag];
    switch (path.replace(/\/$/, '')) {
      case 'dynamic/instance-identity/document':
        return JSON.stringify(this.identity(), undefined, 2);
      case 'meta-data/instance-id':
        return instanceId;
      case 'meta-data/placement/region':
        return region;
      case 'meta-data/placement/availability-zone':
        return `${region}a`;
      case 'meta-data/local-ipv4':
        return '172.31.0.10';
      case 'meta-data/tags/instance':
        return Object.keys(await tags()).join('\n');
      case 'meta-data/iam/security-credentials':
        return role;
      case `meta-data/iam/security-credentials/${role}`:
        return JSON.stringify(this.credentials(), undefined, 2);
      case 'meta-data/spot/instance-action':
        return this.notice && JSON.stringify(this.notice);
      case 'meta-data/spot/termination-time':
        return this.notice?.time;
      default:
        return undefined;
    }
  }

  /** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html */
  private identity() {
    const { instanceId, region, launchTime, roleArn } = this.order;
    return {
      accountId: roleArn.split(':')[4] ?? '',
      architecture: process.arch === 'arm64' ? 'arm64' : 'x86_64',
      availabilityZone: `${region}a`,
      instanceId,
      pendingTime: launchTime.replace(/\.\d+Z$/, 'Z'),
      privateIp: '172.31.0.10',
      region,
      version: '2017-09-30',
    };
  }

  /** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html */
  private credentials() {
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = this.order.credentials;
    return {
      Code: 'Success',
      LastUpdated: second(this.bootedAt),
      Type: 'AWS-HMAC',
      AccessKeyId: AWS_ACCESS_KEY_ID,
      SecretAccessKey: AWS_SECRET_ACCESS_KEY,
      Token: AWS_SESSION_TOKEN,
      Expiration: second(Date.now() + CREDENTIALS_MS),
    };
  }
}

function second(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
