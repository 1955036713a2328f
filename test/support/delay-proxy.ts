import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Passes bytes between a client and a server, in order, as late as the test wants. */
export interface DelayProxy {
  readonly port: number;
  /** For bytes that come from now on, milliseconds. */
  delay: { toServer: number; toClient: number };
  /** Chunks that clients sent so far. */
  readonly writes: number;
  /** Bytes that clients sent so far, as Latin-1. */
  readonly sent: string;
  /** Ends every connection. */
  cut(): void;
  close(): void;
}

export async function startDelayProxy(serverPort: number): Promise<DelayProxy> {
  const delay = { toServer: 0, toClient: 0 };
  const sockets = new Set<Socket>();
  let writes = 0;
  let sent = '';
  const server = createServer((client) => {
    const upstream = connect(serverPort, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket.setNoDelay(true));
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (chunk) => {
      writes++;
      sent += chunk.toString('latin1');
    });
    pass(client, upstream, () => delay.toServer);
    pass(upstream, client, () => delay.toClient);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    delay,
    get writes() {
      return writes;
    },
    get sent() {
      return sent;
    },
    cut,
    close: () => {
      cut();
      server.close();
    },
  };
}

function pass(from: Socket, to: Socket, delayMs: () => number): void {
  const waiting: { readonly chunk: Buffer; readonly dueMs: number }[] = [];
  let timer: NodeJS.Timeout | null = null;
  const deliver = (): void => {
    timer = null;
    while (waiting[0] !== undefined && waiting[0].dueMs <= performance.now()) to.write(waiting.shift()!.chunk);
    const [next] = waiting;
    if (next !== undefined) timer = setTimeout(deliver, next.dueMs - performance.now());
  };
  from.on('data', (chunk: Buffer) => {
    if (waiting.length === 0 && delayMs() === 0) {
      to.write(chunk);
      return;
    }
    waiting.push({ chunk, dueMs: performance.now() + delayMs() });
    timer ??= setTimeout(deliver, delayMs());
  });
  from.on('close', () => {
    if (timer !== null) clearTimeout(timer);
  });
}
