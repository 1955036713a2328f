import type { Test } from 'tap';

import type { ConnectionSettings } from '../../../src/core/snapshot.ts';
import { GrpcUpstream } from '../../../src/edges/grpc/upstream.ts';
import { UndiciUpstream } from '../../../src/edges/upstream/undici-upstream.ts';
import type {
  AnswerHead,
  AnswerReceiver,
  EndpointPool,
  UpstreamCall,
  UpstreamRequest,
} from '../../../src/gateway/ports.ts';
import type { GatewayError } from '../../../src/core/errors.ts';
import { currentLane } from '../../support/lanes.ts';
import { frame, type Http2TestServer, type ReceivedStream, startHttp2Server } from '../../support/http2.ts';

export const SETTINGS: ConnectionSettings = {
  connectTimeoutMs: 1000,
  keepAliveMs: 4000,
  connections: 2,
  queue: 10,
  maxAnswerBytes: 1_000_000,
  tls: null,
};

/** A receiver that keeps what it is told; nothing may be told twice or in a wrong order. */
export class Heard implements AnswerReceiver {
  head: AnswerHead | null = null;
  trailers: string | null = null;
  isWhole = false;
  error = '';
  text = '';
  /** Status of gRPC of the error. */
  grpc = -1;
  onPiece: () => boolean = () => true;
  readonly pieces: Buffer[] = [];
  readonly done: Promise<void>;
  #resolve: () => void = () => {};

  constructor() {
    this.done = new Promise((resolve) => (this.#resolve = resolve));
  }

  get body(): Buffer {
    return Buffer.concat(this.pieces);
  }

  /** The status and body, or the error and how far the request had come. */
  get outcome(): string {
    if (this.error !== '') return this.error;
    const status = /grpc-status: (\d+)/.exec(this.trailers === '' ? (this.head?.headers ?? '') : (this.trailers ?? ''));
    return `${status?.[1]} ${this.body.subarray(5).toString()}`;
  }

  onHead(head: AnswerHead): void {
    if (this.head !== null || this.#isOver()) throw new Error('a second head');
    this.head = head;
  }

  onWhole(head: AnswerHead, body: Uint8Array, trailers = ''): void {
    this.onHead(head);
    this.isWhole = true;
    this.pieces.push(Buffer.from(body));
    this.onEnd(trailers);
  }

  onData(chunk: Uint8Array): boolean {
    if (this.head === null || this.#isOver()) throw new Error('data out of order');
    this.pieces.push(Buffer.from(chunk));
    return this.onPiece();
  }

  onEnd(trailers = ''): void {
    if (this.head === null || this.#isOver()) throw new Error('an end out of order');
    this.trailers = trailers;
    this.#resolve();
  }

  onError(error: GatewayError, reach: string): void {
    if (this.#isOver()) throw new Error('an error out of order');
    this.error = `${error.code} ${reach}`;
    this.text = `${error.message} ${error.internal}`;
    this.grpc = error.grpc;
    this.#resolve();
  }

  #isOver(): boolean {
    return this.trailers !== null || this.error !== '';
  }
}

export interface Fixture {
  readonly server: Http2TestServer;
  readonly upstream: GrpcUpstream;
  readonly pool: EndpointPool;
  readonly send: (
    body?: UpstreamRequest['body'],
    more?: Partial<UpstreamRequest>,
  ) => { heard: Heard; call: UpstreamCall };
}

/** A server of node:http2 and an upstream with a pool for it; both are closed when the test ends. */
export async function setUp(
  t: Test,
  onStream: (received: ReceivedStream, index: number) => void,
  settings: Partial<ConnectionSettings> = {},
  options: Parameters<typeof startHttp2Server>[1] = {},
): Promise<Fixture> {
  const server = await startHttp2Server(onStream, options);
  const upstream = new GrpcUpstream({ other: new UndiciUpstream(), express: currentLane() === 'express' });
  const endpoint = { origin: server.url, prefix: '', id: server.url, isGrpc: true };
  const pool = upstream.pool(endpoint, { ...SETTINGS, ...settings });
  t.teardown(async () => {
    await server.close();
    await upstream.close();
  });
  return {
    server,
    upstream,
    pool,
    send(body = frame(Buffer.from('question')), more = {}) {
      const heard = new Heard();
      const headers = 'content-type: application/grpc\r\n';
      const request = { method: 'POST', path: '/s/m', headers, body, isFresh: false, ...more };
      return { heard, call: upstream.send(pool, request, heard) };
    },
  };
}
