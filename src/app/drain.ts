import type { Server } from 'node:http';
import type { Socket } from 'node:net';

import type { FastifyInstance } from 'fastify';

const LOOK_MS = 25;

/** What keeps connections of a listener to itself. */
export interface Lane {
  closeIdleConnections(): void;
  closeAllConnections(): void;
}

const socketsOf = new WeakMap<Server, Set<Socket>>();
const lanesOf = new WeakMap<Server, Lane[]>();

/**
 * Remembers the connections of a listener, for `closeGently`. To be called before it listens.
 *
 * node:http takes a connection for idle as soon as its answer was handed over, though the client may not have read it
 * yet, and cuts it (also when a server is told to close). So while an answer is still being written, idle connections
 * stay open until the next look.
 */
export function watchSockets({ server }: FastifyInstance, isTls: boolean): void {
  const sockets = new Set<Socket>();
  socketsOf.set(server, sockets);
  const closeIdleConnections = server.closeIdleConnections.bind(server);
  server.closeIdleConnections = () => {
    for (const socket of sockets) if (socket.writableLength > 0) return;
    closeIdleConnections();
  };
  // What is written under TLS waits in the socket above it.
  server.on(isTls ? 'secureConnection' : 'connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
}

/** Remembers that some connections of a listener are known to this lane alone, for `closeGently`. */
export function watchLane({ server }: FastifyInstance, lane: Lane): void {
  lanesOf.set(server, [...(lanesOf.get(server) ?? []), lane]);
}

/**
 * Closes a listener: no new connections from now on; those on which nothing is under way are closed at once, the others
 * when their answers have left; what is left after the limit is cut.
 */
export async function closeGently(listener: FastifyInstance, limitMs: number): Promise<void> {
  const { server } = listener;
  const lanes = lanesOf.get(server) ?? [];
  const closed = listener.close();
  // node:http takes a connection that never carried a byte for a busy one.
  for (const socket of socketsOf.get(server) ?? []) if (socket.bytesRead === 0) socket.destroy();
  const closeIdle = (): void => {
    server.closeIdleConnections();
    for (const lane of lanes) lane.closeIdleConnections();
  };
  const closeAll = (): void => {
    server.closeAllConnections();
    for (const lane of lanes) lane.closeAllConnections();
  };
  const look = setInterval(closeIdle, LOOK_MS);
  const cut = setTimeout(closeAll, limitMs);
  await closed;
  clearInterval(look);
  clearTimeout(cut);
}
