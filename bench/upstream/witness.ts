import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { freePort } from '../child.ts';
import { excerpt } from '../probe.ts';
import type { Case } from '../scenario.ts';
import { UPSTREAM_HOSTS } from './upstream.ts';

/** Stands for the model server while a peer is verified, and remembers what reaches it. */
export interface Witness {
  readonly port: number;
  /** Forgets what came so far. */
  clear(): void;
  /** Throws unless a body came that is what must come for request n. */
  assertForwarded(name: string, n: number): void;
  readonly stop: () => Promise<void>;
}

function isJson(text: string, expected: unknown): boolean {
  try {
    return isDeepStrictEqual(JSON.parse(text), expected);
  } catch {
    return false;
  }
}

/** Whether `body` is what must reach the upstream for request n: the same bytes, or where the peer adds to it, the same JSON. */
export function isForwarded(own: Case, n: number, body: string): boolean {
  if (own.forwarded === undefined) return body === own.request(n).body;
  return isJson(body, JSON.parse(own.forwarded(n)));
}

async function listen(host: string, port: number, listener: RequestListener): Promise<Server> {
  const server = createServer({ keepAliveTimeout: 600_000 }, listener);
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}

export async function startWitness(own: Case): Promise<Witness> {
  let bodies: string[] = [];
  const take: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url?.startsWith('/v2/') === true) bodies.push(Buffer.concat(chunks).toString());
      const length = Buffer.byteLength(own.answer.body);
      response.writeHead(200, { 'content-type': own.answer.contentType, 'content-length': length });
      response.end(own.answer.body);
    });
  };
  const port = await freePort();
  const servers = await Promise.all(UPSTREAM_HOSTS.map((host) => listen(host, port, take)));
  return {
    port,
    clear: () => {
      bodies = [];
    },
    assertForwarded: (name, n) => {
      // A shadow may add the copy of an earlier request, so any of them will do.
      if (bodies.some((each) => isForwarded(own, n, each))) return;
      const expected = own.forwarded?.(n) ?? own.request(n).body;
      const got = bodies.map((each) => excerpt(each)).join('\n');
      throw new Error(`${name} forwarded request ${n} wrongly:\n${got}\nexpected: ${excerpt(expected)}`);
    },
    stop: async () => {
      await Promise.all(
        servers.map(async (each) => {
          each.close();
          each.closeAllConnections();
          await once(each, 'close');
        }),
      );
    },
  };
}
