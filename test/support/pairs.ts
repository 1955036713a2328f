import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

import type { Test } from 'tap';

/** Opens connections whose far end reads when it is told to. */
export async function openPairs(t: Test) {
  const server = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return async () => {
    const accepted = once(server, 'connection');
    const socket = connect(port, '127.0.0.1');
    const [[far]] = (await Promise.all([accepted, once(socket, 'connect')])) as [[Socket], unknown];
    sockets.push(socket, far);
    const chunks: Buffer[] = [];
    far.on('data', (chunk: Buffer) => chunks.push(chunk));
    far.pause();
    return { socket, far, received: () => Buffer.concat(chunks).toString('latin1') };
  };
}
