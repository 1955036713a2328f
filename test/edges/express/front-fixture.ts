import { Buffer } from 'node:buffer';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Test } from 'tap';

import { ExpressFront, type ExpressFrontOptions } from '../../../src/edges/express/front.ts';
import { PassingBody } from '../../../src/edges/express/passing-body.ts';
import type { Exchange } from '../../../src/gateway/exchange.ts';
import type { Gateway, RequestHead } from '../../../src/gateway/gateway.ts';
import type { Reply } from '../../../src/gateway/ports.ts';
import { RawClient } from '../../support/raw-client.ts';

export const INFER = '/v2/models/m/infer';

/** A request as the express lane handed it to the gateway. */
export interface Taken {
  readonly head: RequestHead;
  readonly reply: Reply;
  /** Undefined until it was complete. */
  body: Buffer | null | undefined;
  /** The body, when it is sent on while it comes. */
  passing: PassingBody | null;
  /** What the facts were given. */
  factsBody: Uint8Array | null;
  isAbandoned: boolean;
}

export interface TestFront {
  readonly url: string;
  readonly server: Server;
  readonly front: ExpressFront;
  readonly taken: Taken[];
  /** Method, target and body of each request that the main lane got. */
  readonly main: string[];
  readonly connect: () => Promise<RawClient>;
  /** Resolves when the server and all connections are closed. */
  readonly closed: Promise<void>;
}

export interface Script {
  readonly options?: Partial<ExpressFrontOptions>;
  readonly bodyBytes?: number;
  readonly bufferBytes?: number;
  /** Whether bodies beyond `bufferBytes` are read. */
  readonly needsWhole?: boolean;
  /** What the gateway does with a request that is complete. */
  readonly onPredict?: (taken: Taken) => void;
}

/** Answers with the body of the request. */
export function echo({ reply, body }: Taken): void {
  const bytes = body ?? Buffer.alloc(0);
  reply.send(200, `content-length: ${bytes.length}\r\n`, bytes);
}

/**
 * The front of the express lane on a real server, whose own handler stands for the main lane. The gateway is one that does
 * as it is told, so that every answer can be given byte by byte.
 */
export async function startFront(
  t: Test,
  { options, bodyBytes = 2 ** 30, bufferBytes = 1024 * 1024, needsWhole = false, onPredict = echo }: Script = {},
) {
  const taken: Taken[] = [];
  const byExchange = new Map<unknown, Taken>();
  const gateway = {
    snapshot: { limits: { bodyBytes, bufferBytes }, mounts: [], index: { modelNames: [] } },
    open(head: RequestHead, reply: Reply) {
      const one: Taken = { head, reply, body: undefined, passing: null, factsBody: null, isAbandoned: false };
      taken.push(one);
      const setBody = (body: Uint8Array | null): void => void (one.factsBody = body);
      const record = { error: null, attempts: [] };
      const exchange = { facts: { setBody }, body: null, ticket: null, record };
      byExchange.set(exchange, one);
      return exchange as unknown as Exchange;
    },
    predict(exchange: Exchange) {
      const one = byExchange.get(exchange) as Taken;
      if (exchange.body instanceof PassingBody) one.passing = exchange.body;
      else one.body = exchange.body as Buffer | null;
      onPredict(one);
    },
    needsWholeBody: () => needsWhole,
    abandon(exchange: Exchange) {
      (byExchange.get(exchange) as Taken).isAbandoned = true;
    },
    unexpected(error: unknown) {
      throw error;
    },
  };
  const main: string[] = [];
  const server = createServer({ requireHostHeader: false, keepAliveTimeout: 5000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      main.push(`${request.method} ${request.url} ${Buffer.concat(chunks).toString('latin1')}`);
      response.setHeader('x-lane', 'main').end(Buffer.concat(chunks));
    });
  });
  const front = new ExpressFront({
    gateway: gateway as unknown as Gateway,
    prefix: '',
    isDraining: () => false,
    headerTimeoutMs: 5000,
    requestTimeoutMs: 5000,
    keepAliveMs: 5000,
    maxHeaderBytes: 16 * 1024,
    ...options,
  });
  front.attach(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  t.teardown(async () => {
    server.close();
    server.closeAllConnections();
    front.closeAllConnections();
    await closed;
  });
  const result: TestFront = { url, server, front, taken, main, closed, connect: () => RawClient.connect(url) };
  return result;
}

/** What a client has to send before the next piece, so that pieces arrive one by one. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
