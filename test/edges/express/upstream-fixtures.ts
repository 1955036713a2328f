import type { Test } from 'tap';

import type { ConnectionSettings } from '../../../src/core/snapshot.ts';
import { SocketUpstream } from '../../../src/edges/express/upstream.ts';
import { UndiciUpstream } from '../../../src/edges/upstream/undici-upstream.ts';
import type { EndpointPool, UpstreamCall, UpstreamRequest } from '../../../src/gateway/ports.ts';
import { startRawServer, type RawAnswerer, type RawConnection, type RawServer } from '../../support/raw-server.ts';
import { Noting } from './reading.ts';

export const SETTINGS: ConnectionSettings = {
  connectTimeoutMs: 1000,
  keepAliveMs: 4000,
  connections: 1,
  queue: 10,
  maxAnswerBytes: 1_000_000,
  tls: null,
};

/** A call under way, and what its receiver hears. */
export interface Sent {
  readonly call: UpstreamCall;
  readonly noting: Noting;
  /** How it ended: the status and the body, or the code and how far it had come. */
  readonly outcome: Promise<string>;
}

export interface Fixture {
  readonly server: RawServer;
  readonly upstream: SocketUpstream;
  readonly pool: EndpointPool;
  readonly send: (request?: Partial<UpstreamRequest>, onPiece?: () => boolean) => Sent;
}

/** A raw server and an upstream with a pool for it; both are closed when the test ends. */
export async function setUp(
  t: Test,
  answerer: RawAnswerer,
  settings: Partial<ConnectionSettings> = {},
): Promise<Fixture> {
  const server = await startRawServer(answerer);
  const upstream = new SocketUpstream({ other: new UndiciUpstream() });
  const pool = upstream.pool(
    { origin: server.url, prefix: '', id: server.url, isGrpc: false },
    { ...SETTINGS, ...settings },
  );
  t.teardown(async () => {
    await server.close();
    await upstream.close();
  });
  return { server, upstream, pool, send: (request, onPiece) => sendTo(upstream, pool, request, onPiece) };
}

export function sendTo(
  upstream: SocketUpstream,
  pool: EndpointPool,
  request: Partial<UpstreamRequest> = {},
  onPiece?: () => boolean,
): Sent {
  const noting = new Noting();
  if (onPiece !== undefined) noting.onPiece = onPiece;
  const outcome = new Promise<string>((resolve) => {
    noting.onDone = () => resolve(noting.error || `${noting.head?.status} ${noting.body.toString('latin1')}`);
  });
  const whole = { method: 'POST', path: '/', headers: '', body: null, isFresh: false, ...request };
  return { noting, outcome, call: upstream.send(pool, whole, noting) };
}

/** The whole of an answer with a length. */
export function answer(body: string, fields = ''): string {
  return `HTTP/1.1 200 OK\r\n${fields}content-length: ${body.length}\r\n\r\n${body}`;
}

/** Answers the requests of all connections one after the other, as each of these says; the last one says it for the rest. */
export function inTurn(...answers: ReadonlyArray<string | ((connection: RawConnection) => void)>): RawAnswerer {
  let count = 0;
  return (connection) => {
    const next = answers[Math.min(count++, answers.length - 1)]!;
    if (typeof next === 'string') connection.socket.write(Buffer.from(next, 'latin1'));
    else next(connection);
  };
}
