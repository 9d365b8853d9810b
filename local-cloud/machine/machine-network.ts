import type { ChildProcess } from 'node:child_process';
import { Server } from 'node:net';

/*
 * A machine is in a network namespace. One cable leads to its "cloud", another namespace with the addresses below. keeper.sh
 * makes both.
 */

/** The gateway and the agent's service, as the machine reaches them. */
export const CLOUD_ADDRESS = '172.31.0.1';

/** The port of the agent's service. */
export const AGENT_PORT = 8443;

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html */
export const METADATA_ADDRESSES = { v4: '169.254.169.254', v6: 'fd00:ec2::254' } as const;

export type SocketName = 'gateway' | 'agent' | 'metadata';

/** The number of sockets that cloud-sockets.ts passes. */
const SOCKETS = 4;

/** The listening sockets of one boot's cloud, which cloud-sockets.ts has opened. */
export class CloudSockets {
  private constructor(private readonly sockets: readonly { name: SocketName; server: Server }[]) {}

  /** Receives the sockets from a program. Rejects if the program ends before. */
  static receive(program: ChildProcess): Promise<CloudSockets> {
    const received: { name: SocketName; server: Server }[] = [];
    return new Promise((resolve, reject) => {
      program.on('message', (message, handle) => {
        if (!(handle instanceof Server)) return;
        received.push({ name: (message as { socket: SocketName }).socket, server: handle });
        if (received.length < SOCKETS) return;
        resolve(new CloudSockets(received));
        if (program.connected) program.disconnect();
      });
      program.once('exit', () => {
        for (const { server } of received) server.close();
        reject(new Error('the machine ended before it had a network'));
      });
    });
  }

  named(name: SocketName): Server[] {
    return this.sockets.filter((socket) => socket.name === name).map(({ server }) => server);
  }

  close(): void {
    for (const { server } of this.sockets) server.close();
  }
}
