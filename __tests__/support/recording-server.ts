import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

interface ReceivedRequest {
  readonly method: string;
  readonly target: string;
  readonly body: string;
}

/** A server on loopback that keeps each request, and answers as the test says. */
export class RecordingServer {
  requests: ReceivedRequest[] = [];
  status = 200;
  private readonly server: Server;

  constructor(answer: (body: string, target: string) => string) {
    this.server = createServer((request, response) => {
      void text(request).then((body) => {
        const target = request.url ?? '';
        this.requests.push({ method: request.method ?? '', target, body });
        response.writeHead(this.status).end(answer(body, target));
      });
    });
  }

  async listen(): Promise<void> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  forget(): void {
    this.requests = [];
    this.status = 200;
  }

  async close(): Promise<void> {
    this.server.close();
    await once(this.server, 'close');
  }
}
