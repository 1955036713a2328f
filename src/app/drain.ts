import type { Server } from 'node:http';
import type { Socket } from 'node:net';

import type { FastifyInstance } from 'fastify';

const LOOK_MS = 25;

const socketsOf = new WeakMap<Server, Set<Socket>>();

/** Remembers the connections of a listener, for `closeGently`. To be called before it listens. */
export function watchSockets({ server }: FastifyInstance): void {
  const sockets = new Set<Socket>();
  socketsOf.set(server, sockets);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
}

/**
 * Closes a listener: no new connections from now on; those on which nothing is under way are closed at once, the others
 * when their answers have left; what is left after the limit is cut.
 */
export async function closeGently(listener: FastifyInstance, limitMs: number): Promise<void> {
  const { server } = listener;
  const closed = listener.close();
  // node:http takes a connection that never carried a byte for a busy one.
  for (const socket of socketsOf.get(server) ?? []) if (socket.bytesRead === 0) socket.destroy();
  const look = setInterval(() => server.closeIdleConnections(), LOOK_MS);
  const cut = setTimeout(() => server.closeAllConnections(), limitMs);
  await closed;
  clearInterval(look);
  clearTimeout(cut);
}
