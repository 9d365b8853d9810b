/**
 * Opens the listening sockets of a machine's cloud, and passes them to the local cloud. keeper.sh runs this program in the
 * cloud's network namespace. The local cloud then accepts connections there, and no traffic crosses the host's own network.
 */
import { type Server, createServer } from 'node:net';
import { CLOUD_ADDRESS, AGENT_PORT, METADATA_ADDRESSES, type SocketName } from './machine-network';

/** Whether every socket is on its way. */
let isDone = false;

async function main(gatewayPort: number): Promise<void> {
  const sockets: [SocketName, string, number][] = [
    ['gateway', CLOUD_ADDRESS, gatewayPort],
    ['agent', CLOUD_ADDRESS, AGENT_PORT],
    ['metadata', METADATA_ADDRESSES.v4, 80],
    ['metadata', METADATA_ADDRESSES.v6, 80],
  ];
  for (const [index, [name, address, port]] of sockets.entries()) {
    const passed = pass(name, await listen(address, port));
    isDone = index === sockets.length - 1;
    await passed;
  }
}

function listen(address: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, address, () => resolve(server));
  });
}

function pass(name: SocketName, server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.({ socket: name }, server, {}, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

// The local cloud disconnects when it has all sockets, which would keep this program alive. Without all, the local cloud has died.
process.once('disconnect', () => process.exit(isDone ? 0 : 1));

main(Number(process.argv[2])).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
